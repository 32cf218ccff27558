//! What a manager and its conversations share.

mod fence;
mod observed;
mod shared;
mod stamped;
mod stores;
mod tasks;
mod upload_owner;

pub(crate) use fence::UserFences;
pub(crate) use observed::ObservedStorage;
pub(crate) use shared::{Core, media_owner, owner_metadata, subject_of};
pub(crate) use stamped::StampedStorage;
pub(crate) use stores::{MediaStores, name_of};
pub(crate) use tasks::Tasks;
pub(crate) use upload_owner::{is_upload, upload_owner};
