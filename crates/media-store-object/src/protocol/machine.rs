//! The interface of the state machines: requests to the store, and the answers to them.

use super::record::{Nonce, Record};

/// A record with the version that the store gave to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versioned<V> {
    /// The record.
    pub record: Record,
    /// The store's version of the record: an entity tag or a generation number.
    pub version: V,
}

/// A request of a protocol to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request<V> {
    /// Reads the record of the hash.
    ReadRecord,
    /// Writes the record if it has the expected version, or if there is none and none is expected.
    /// The driver must not repeat this request.
    SwapRecord {
        /// The version that the record must have; `None` if it must not exist.
        expected: Option<V>,
        /// The new record.
        record: Record,
    },
    /// Writes the sidecar, which names the generation, and the expiry hint if the reference expires.
    /// May be repeated.
    WriteSidecar(Nonce),
    /// Writes the marker of the reference under a generation. May be repeated.
    WriteMarker(Nonce),
    /// Writes the bytes of a generation. May be repeated.
    WriteBlob(Nonce),
    /// Removes the marker of the reference from a generation. Succeeds if there is none.
    DeleteMarker(Nonce),
    /// Removes the sidecar and the expiry hint. Succeeds if there are none.
    DeleteSidecar,
    /// Finds out whether there is any marker under a generation.
    FindMarker(Nonce),
    /// Removes the bytes of a generation. Succeeds if there are none.
    DeleteBlob(Nonce),
    /// Removes all markers under a generation. Succeeds if there are none.
    DeleteMarkers(Nonce),
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer<V> {
    /// The answer to [`Request::ReadRecord`].
    Record(Option<Versioned<V>>),
    /// The answer to a [`Request::SwapRecord`] that certainly succeeded: the version of the record.
    Swapped(V),
    /// The answer to any other [`Request::SwapRecord`]: refused, failed, or of unknown outcome.
    Unclear,
    /// The answer to [`Request::FindMarker`].
    Found(bool),
    /// The answer to any other request that certainly succeeded.
    Done,
    /// The request failed, or its outcome is unknown. The driver keeps the error.
    Failed,
}

/// The next step of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step<V, O> {
    /// The protocol needs the answer to this request.
    Ask(Request<V>),
    /// The protocol has ended.
    End(O),
}

/// A state machine that is driven by answers.
pub trait Protocol<V>: Sized {
    /// How the protocol ends.
    type Outcome;

    /// Takes the answer to the last request (`None` at the start) and returns the next step.
    ///
    /// `fresh` returns nonces that were never used before. The method must not be called again after
    /// [`Step::End`]. An answer that does not fit the request counts as [`Answer::Failed`].
    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, Self::Outcome>;
}
