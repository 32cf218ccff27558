//! Bodies of media: received, hashed, and held in memory only as far as necessary.

mod blocking;
mod buffers;

mod payload;
mod receive;
mod spool;

pub(crate) use blocking::blocking;

pub(crate) use payload::Payload;
pub(crate) use receive::{BodyReader, Received, hashed, receive};
pub(crate) use spool::SpoolWriter;
