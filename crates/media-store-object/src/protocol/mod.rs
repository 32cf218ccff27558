//! How equal bytes are shared between references on an object store, without a database, a lock or
//! a trusted clock.
//!
//! For each hash there is a *record*, which names the *generation* in use; for each generation a
//! *blob*, which holds the bytes; and for each reference a *marker* under its generation. Writers
//! put markers and make generations live; collectors make generations without markers dead, and
//! only then remove their blobs. All of it rests on three properties of the store:
//!
//! 1. Reads and conditional writes of one key are linearizable: a write that expects a version
//!    happens only while the key has that version.
//! 2. A listing shows every write that was acknowledged before it began.
//! 3. Versions are never used twice. Each record that is written holds a fresh [`Token`], so that
//!    this holds even where the version is a hash of the content.
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
//! that its writer's publication can no longer succeed. A crash, a pause of any length or a request
//! that arrives late can leave garbage, never a reference without bytes.
//!
//! # State machines
//! [`StoreProtocol`], [`DeleteProtocol`], [`CollectProtocol`] and [`FenceProtocol`] do no I/O: each
//! [`step`](Protocol::step) takes the [`Answer`] to the last [`Request`] and gives the next. The
//! store drives them against a bucket; `examples/prove_protocol` drives the same code through every
//! interleaving of several of them, with crashes and with requests that are lost or land late.
//! Everything here is per hash: which hash a record belongs to is known by the driver.
//!
//! # Map
//! - [`Record`], [`RecordState`], [`Token`] (`record`)
//! - [`StoreProtocol`] (`store`), [`DeleteProtocol`] (`delete`)
//! - [`CollectProtocol`] (`collect`), [`FenceProtocol`] (`fence`)

mod collect;
mod delete;
mod fence;
mod record;
mod store;
#[cfg(test)]
mod tests;

pub use collect::{CollectOutcome, CollectProtocol};
pub use delete::{DeleteOutcome, DeleteProtocol};
pub use fence::{FenceOutcome, FenceProtocol};
pub use record::{Record, RecordError, RecordState, Token};
pub use store::{StoreOutcome, StoreProtocol};

/// A record with the version that the store gave to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versioned<V> {
    /// The record.
    pub record: Record,
    /// The store's version of it: an entity tag or a generation number.
    pub version: V,
}

/// What a protocol asks of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request<V> {
    /// Read the record of the hash.
    ReadRecord,
    /// Write the record if it has the version that is expected, or if there is none where none is
    /// expected. Must not be repeated by the driver.
    SwapRecord {
        /// The version that must be there.
        expected: Option<V>,
        /// What is to be there then.
        record: Record,
    },
    /// Write the sidecar, which names the generation, and the expiry hint where the reference
    /// expires. May be repeated.
    WriteSidecar(Token),
    /// Write the marker of the reference under a generation. May be repeated.
    WriteMarker(Token),
    /// Write the bytes of a generation. May be repeated.
    WriteBlob(Token),
    /// Remove the marker of the reference from under a generation; that it is gone is no failure.
    DeleteMarker(Token),
    /// Remove sidecar and expiry hint; that they are gone is no failure.
    DeleteSidecar,
    /// Tell whether there is any marker under a generation.
    FindMarker(Token),
    /// Remove the bytes of a generation; that they are gone is no failure.
    DeleteBlob(Token),
    /// Remove all markers under a generation; that there are none is no failure.
    DeleteMarkers(Token),
}

/// What came of a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer<V> {
    /// To [`Request::ReadRecord`].
    Record(Option<Versioned<V>>),
    /// To [`Request::SwapRecord`], if it certainly happened: the version of what was written.
    Swapped(V),
    /// To [`Request::SwapRecord`] in every other case: refused, failed, or nobody knows.
    Unclear,
    /// To [`Request::FindMarker`].
    Found(bool),
    /// To all other requests, if they certainly happened.
    Done,
    /// The request failed, or nobody knows; the driver keeps the error.
    Failed,
}

/// What a protocol does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step<V, O> {
    /// It wants this to be done, and the answer.
    Ask(Request<V>),
    /// It is at its end.
    End(O),
}

/// A state machine that is driven by answers.
pub trait Protocol<V>: Sized {
    /// How it ends.
    type Outcome;

    /// Takes the answer to the last request (`None` at the start), and tells what is next. `fresh`
    /// gives tokens that were never used before. After [`Step::End`] it must not be called again;
    /// an answer that does not fit the request counts as [`Answer::Failed`].
    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, Self::Outcome>;
}
