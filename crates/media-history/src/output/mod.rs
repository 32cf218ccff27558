//! What is written, in its order, while values are being stored.

mod slot;
mod uploads;
mod writer;

pub(crate) use writer::Output;
