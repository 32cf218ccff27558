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
    /// Reads the hash record.
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
    /// Removes all markers under a generation. Tombstones stay. Succeeds if there are none.
    DeleteMarkers(Nonce),

    /// Reads the sidecar of the reference. Second protocol, as all that follow.
    ReadSidecar,
    /// Creates the sidecar, which names the generation, with the expiry hint and the entries of
    /// indexes. May be repeated: finding the very same sidecar is success.
    CreateSidecar(Nonce),
    /// Creates the sidecar from the copy in the marker, marked as restored.
    RestoreSidecar(Nonce),
    /// Creates the provisional marker of the reference under a generation. May be repeated: finding
    /// the marker of this reference, provisional or sealed, is success.
    CreateMarker(Nonce),
    /// Replaces the provisional marker by the sealed one, on condition that it is the one that was
    /// created. May be repeated: finding the very same sealed marker is success.
    SealMarker(Nonce),
    /// Replaces the marker by a tombstone, whether it exists or not. May be repeated.
    BuryMarker(Nonce),
    /// Puts a tombstone in place of the marker, on condition that there is none or a provisional one.
    /// Finding the tombstone of a retired marker is success.
    RetireMarker(Nonce),
    /// Replaces the sidecar by a tombstone that an import may replace, on condition that it is a sidecar
    /// of this revision of the reference and names the generation. Finding such a tombstone is success.
    RetireSidecar(Nonce),
    /// Replaces the tombstone of a retired sidecar by one that nothing may replace, on condition that it
    /// is still there. Finding the latter is success.
    CloseSidecar,
    /// As [`Request::CloseSidecar`], on condition that the tombstone is the one that the last
    /// [`Request::ReadSidecar`] of this protocol found.
    CloseSeen,
    /// Finds out whether any revision of the reference has a sealed marker, under any generation.
    FindSealed,
    /// Replaces the sidecar by a tombstone, whether it exists or not, and removes the expiry hint and
    /// the entries of indexes. May be repeated.
    BurySidecar,
    /// Removes the object with the name of the marker.
    RemoveMarker(Nonce),
    /// Removes the object with the name of the sidecar.
    RemoveSidecar,
    /// Reads the sidecar of the reference, which must name this generation. The driver keeps it, as it
    /// keeps what the three requests that follow read or write.
    ReadSidecarCopy(Nonce),
    /// Reads the sealed marker of the reference under a generation, and compares it with the sidecar that
    /// was read.
    ReadMarkerCopy(Nonce),
    /// Replaces the marker by what it contained with the change applied, on condition that it is the one
    /// that was read. Each such write is unlike all others.
    ChangeMarker(Nonce),
    /// Replaces the sidecar by what the marker contains that was read or written last, on condition that
    /// it is the sidecar that was read.
    FollowMarker(Nonce),
}

/// What an update reads of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyState {
    /// There is none, or it is not that of this reference.
    Gone,
    /// A sidecar; or a marker with the content of the sidecar.
    Same,
    /// A marker with the content of another version of the sidecar.
    Differs,
}

/// The sidecar of a reference in the second protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SidecarState {
    /// There is no object of this name.
    Missing,
    /// A sidecar that names this generation, as the store wrote it.
    Live(Nonce),
    /// A sidecar that a sweep restored, and that names this generation.
    Restored(Nonce),
    /// A sidecar of another revision of the reference.
    Revised,
    /// The sidecar was retired: an import may replace the tombstone.
    Retired,
    /// The sidecar was buried.
    Tombstone,
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
    /// The answer to [`Request::FindMarker`] or [`Request::FindSealed`].
    Found(bool),
    /// The answer to [`Request::ReadSidecar`].
    Sidecar(SidecarState),
    /// The answer to [`Request::ReadSidecarCopy`] and [`Request::ReadMarkerCopy`].
    Copy(CopyState),
    /// The answer to a request that creates, changes, seals or retires an object, if its name is taken by another
    /// one.
    Taken,
    /// The answer to a [`Request::RetireMarker`] if a deletion has buried the marker.
    Buried,
    /// The answer to any other request that certainly succeeded.
    Done,
    /// The answers to the requests of [`Step::AskAll`], in their order.
    All(Vec<Self>),
    /// The request failed, or its outcome is unknown. The driver keeps the error.
    Failed,
}

/// The next step of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step<V, O> {
    /// The protocol needs the answer to this request.
    Ask(Request<V>),
    /// The protocol needs the answers to all of these requests, as [`Answer::All`]. They may be carried
    /// out at the same time or one after the other in any order, whatever becomes of the others.
    AskAll(Vec<Request<V>>),
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
