//! The second protocol: what was deleted stays deleted, whatever arrives late.
//!
//! Clients repeat requests by themselves, and a network can deliver a copy of a request after the
//! request was acknowledged. In the first protocol, a copy of a marker or a sidecar that arrives
//! after the reference was deleted brings the reference back. The second protocol differs in this:
//!
//! - Sidecars and markers are *created*: written on condition that there is no object of that name.
//! - A marker is *provisional* until its store knows that the sidecar was created, and is *sealed* then,
//!   by a conditional write. Both keep the bytes; only a sealed marker makes the reference exist. Marker
//!   and sidecar can therefore be created at the same time: what a store that died leaves of them is
//!   unreadable, also if either arrives late.
//! - A deletion replaces marker and sidecar by *tombstones*, empty objects that keep the name taken.
//!   Tombstones are no markers: collectors do not count them.
//! - After a create of unknown outcome, a store buries both names and continues under another
//!   reference. Before it is acknowledged, it reads its sidecar again, since a deletion of its scope
//!   may have buried it.
//! - An import stores under an id that exists elsewhere, and may be repeated. Each attempt is a
//!   *revision* of the reference with a marker of its own; it replaces nothing but the tombstone of a
//!   sidecar that was *retired*: one whose marker was never sealed, and never will be.
//! - The removal of a tombstone may happen once more, and take away the sidecar of an import that came in
//!   between. An acknowledged import is readable by its sealed marker then, so that no tombstone of another
//!   revision is closed while there is one.
//! - An update replaces marker and sidecar on condition that they are those that were read, which a
//!   tombstone never is.
//! - A reference is readable only while its sealed marker exists. A sidecar that arrives late, of a store
//!   that died, then shows nothing.
//!
//! Tombstones are removed by a sweep when they are older than any copy of a request can be, also those
//! under a dead generation: the one place where time decides. The bytes of an acknowledged reference
//! could be lost by it only if a copy of the create of its marker arrived later than that, while its
//! store still waited for the answer to its last request.
//!
//! Records, blobs and generations are those of the first protocol, as are
//! [`CollectProtocol`](super::CollectProtocol) and [`FenceProtocol`](super::FenceProtocol).

mod delete;
mod heal;
mod import;
mod retire;
mod store;
mod tombstones;
mod update;

pub use delete::{DeleteOutcome, DeleteProtocol};
pub use heal::{HealOutcome, HealProtocol};
pub use import::ImportProtocol;
pub use retire::{RetireOutcome, RetireProtocol};
pub use store::StoreProtocol;
pub use tombstones::{TombstoneOutcome, TombstoneProtocol};
pub use update::{UpdateOutcome, UpdateProtocol};
