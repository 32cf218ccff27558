//! Full sweeps that keep their progress in the bucket, and share the work.
//!
//! The work is divided into [parts](part): listings, of which each ends with what it found, and a last
//! part that acts on what all of them found. Each part has an object in the bucket, which is a lease and a
//! cursor in one: who works on the part, how far the listing is, and what it has found. A sweep takes the
//! parts that nobody works on, continues those whose sweep has died, and takes over what others found.
//!
//! All of this is advice, which only saves work. What is removed is read again first, or listed again, by
//! the sweep that removes it, so that objects that are lost, old or forged cost requests and never media.

mod compare;
mod cursor;
mod finish;
mod found;
mod garbage;
mod ledger;
mod part;
mod run;
