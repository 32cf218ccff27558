//! Quarantine: damaged media that a verification moved out of the way.
//!
//! `.store/quarantine/<day>/<token>-<name>` is what was `<name>`, with its sidecar under the same token.
//! The day, in UTC, is when it was moved. Earlier versions wrote directly to `.store/quarantine`, with
//! different tokens for media and sidecar; a full sweep moves such entries to a day.
//!
//! One name can be here several times, if media was put back by hand and damaged again. What one of its sidecars
//! holds is held. A sidecar without media holds nothing, and whoever meets it removes it: moves here begin with the
//! sidecar and removals end with it, so that a process that is killed leaves this, and never media without an owner.

mod days;
mod entry;
mod item;
mod names;
mod removal;
mod survey;
mod taking;

pub(crate) use days::Quarantine;
pub(crate) use item::{Item, Place, Said};
pub(crate) use names::Names;
