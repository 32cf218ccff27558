mod pending;
mod reader;

pub(crate) use pending::Pending;
pub(crate) use reader::{NumberReader, Read};
