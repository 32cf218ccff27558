//! Finding media in a history.

mod array;
mod doc;
mod evidence;
mod extractor;
mod found;
mod leaf;
mod shared;
mod site;
mod stack;
mod structure;
mod text;
mod tracker;
mod value;
mod watch;

pub(crate) use extractor::Extractor;
pub(crate) use tracker::Tracker;
pub(crate) use value::{Event, Hold, Open, Respell, Value};
