//! Full sweeps that keep their progress in the bucket, and share the work.
//!
//! The work is divided into [parts](part): listings, of which each ends with what it found, and a last
//! part that compares what all of them found, and repairs what differs. Each part has an
//! [object](part_object) in the bucket, which is a lease and a cursor in one: who works on the part, how far
//! the listing is, and what it has found. A sweep takes the parts that nobody works on, continues those
//! whose sweep has died, and takes over what others found.
//!
//! All of this is advice, which only saves work. It says where nothing needs to be looked at, and what is
//! removed is read again first by the sweep that removes it. So objects that are lost, old or forged cost
//! requests, or leave garbage, and never media. What needs to know that a listing was whole is left to sweeps
//! that are not shared: removing old tombstones, and the note that the index of users is complete.

mod compare;
mod cursor;
mod finish;
mod found;
mod garbage;
mod identity;
mod ledger;
mod part;
mod part_object;
mod run;

#[cfg(test)]
mod tests;
