//! Receiving media without holding it.
//!
//! Media that a model or a tool makes arrives piece by piece. A [`MediaReceiver`] takes the pieces
//! and keeps them in a spool: in memory as long as they are few, then in a temporary file that has
//! no name and is gone with its last reader. What comes out is a [`MediaContent`] that is light
//! enough to be handed around.
//!
//! # Why nothing is stored yet
//! Media goes into the store when the turn is saved, in one batch with everything else of the
//! answer: then message and position are known, an attempt that breaks off or a turn that is given
//! up has left nothing to delete, and the spool still has the bytes when the store fails. Until then
//! the content refers to the spool, under a backend of its own that the turn's loader knows.
//!
//! # Map
//! - [`MediaReceiver`], [`IncomingMedia`] (`receiver`) · [`ReceiveError`] (`error`)
//! - `spool`: bytes in memory or in a file · `budget`: how many all spools of a turn may hold
//! - `turn`: the media that a turn has received · `shelf`: the store in which it is found

mod budget;
mod error;
mod receiver;
mod shelf;
mod spool;
mod turn;

pub use error::{ReceiveError, ReceiveErrorKind};
pub use receiver::{IncomingMedia, MediaReceiver};
pub(crate) use shelf::{Shelf, is_received};
pub(crate) use spool::{Spool, SpoolSite};
pub(crate) use turn::{Owner, ReceivedMedia};

#[cfg(doc)]
use media_types::MediaContent;
