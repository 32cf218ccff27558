//! The second protocol against a bucket: what was deleted stays deleted.

mod content;
mod driver;
mod format;
mod generations;
mod marker;
mod own;
mod pointers;
mod record;
mod reference;
mod run;
mod update;

pub(crate) use content::SecondContent;
pub(crate) use format::{FormatOptions, open_format};
pub(crate) use generations::Generations;
pub(crate) use own::{
    OwnStore, complete as complete_own, delete as delete_own, finish_deletion, retire as retire_own,
};
pub(crate) use record::{DEAD_SIZE, LIVE_SIZE};
pub(crate) use reference::ReferenceObjects;
pub(crate) use run::{
    SecondAttempt, SecondStore, bury, bury_others, close_retired, collect, fence, heal, import,
    remove_retired, remove_tombstones, retire, retire_marker, store,
};
pub(crate) use update::Update;
