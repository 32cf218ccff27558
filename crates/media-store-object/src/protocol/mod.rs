//! How references to equal bytes share them on an object store, without a database, a lock or a
//! trusted clock.
//!
//! For each hash there is a *hash record*, which names the *generation* in use; for each generation
//! a *blob*, which holds the bytes; and for each reference a *marker* under its generation. Writers
//! create markers and make generations live; collectors make generations without markers dead, and
//! only then remove their blobs. All of it rests on three properties of the store:
//!
//! 1. Reads and conditional writes of one key are linearizable: a write that expects a version
//!    succeeds only while the key has that version.
//! 2. A listing shows every write that was acknowledged before the listing began.
//! 3. Versions are never reused. Each record that is written holds a fresh [`Nonce`], so that this
//!    holds even if the version is a hash of the content.
//!
//! # Why nothing is lost
//! A generation becomes live by one conditional write of the writer that made it, and is never used
//! again once it is dead. A store is acknowledged when its marker was acknowledged *and after that*
//! the record was read, or made, live with that generation. A collector makes a generation dead in
//! two steps: it condemns it, lists its markers, and buries it only by a write that expects the very
//! record that condemned it. If a store was acknowledged before the condemnation, the listing shows
//! its marker. If it saw the condemned record, it had to revive the generation first, which changes
//! the record, so that the burial fails. A blob is removed only when its generation is dead, or when
//! it never became live and a *fence* (any change of the record after the orphan was seen) made sure
//! that its writer can no longer publish it. A crash, a pause of any length or a request that
//! arrives late can leave garbage, never a reference without bytes.
//!
//! # State machines
//! [`StoreProtocol`], [`DeleteProtocol`], [`CollectProtocol`] and [`FenceProtocol`] do no I/O: each
//! [`step`](Protocol::step) takes the [`Answer`] to the last [`Request`] and returns the next one.
//! The store drives them against a bucket; `examples/prove_protocol` drives the same code through
//! every interleaving of several of them, with crashes and with requests that are lost or arrive
//! late. Each machine works on one hash, which the driver knows.

mod collect;
mod delete;
mod fence;
mod machine;
mod publication;
mod record;
mod store;
#[cfg(test)]
mod tests;
pub mod v2;

pub use collect::{CollectOutcome, CollectProtocol};
pub use delete::{DeleteOutcome, DeleteProtocol};
pub use fence::{FenceOutcome, FenceProtocol};
pub use machine::{Answer, CopyState, Protocol, Request, SidecarState, Step, Versioned};
pub use record::{Nonce, Record, RecordError, RecordState};
pub use store::{StoreOutcome, StoreProtocol};
