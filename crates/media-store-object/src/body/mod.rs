//! Bodies of media: received, hashed, and held in memory only as far as necessary.

mod blocking;
mod buffers;
mod cancelled;
mod digest;
mod payload;
mod receive;
mod spool;

pub(crate) use blocking::blocking;
pub(crate) use cancelled::Cancelled;
pub(crate) use digest::Digest;
pub(crate) use payload::Payload;
pub(crate) use receive::{BodyReader, Received, check_expected, hashed, receive};
pub(crate) use spool::SpoolWriter;
