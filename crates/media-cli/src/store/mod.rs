//! Which store a command works on, and how it is opened.

mod arguments;
mod find;
mod location;
mod open;
mod selection;
mod writing;

pub(crate) use arguments::{AccessArguments, Owner, StoreArguments};
pub(crate) use find::find;
pub(crate) use location::Location;
pub(crate) use open::{Creation, NewStore, OpenStore, open_existing, open_or_create, open_target};
pub(crate) use selection::Selection;
pub(crate) use writing::open_for_writing;
