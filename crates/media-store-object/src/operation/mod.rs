//! The operations of a store on single references.

mod commit;
mod delete;
mod description;
mod duplicate;
mod import;
mod resolve;
mod retrieve;
mod second_import;
mod second_upload;
mod sign_url;
mod together;
mod update;
mod upload;

pub(crate) use delete::{delete, remove};
pub(crate) use duplicate::duplicate;
pub(crate) use import::import;
pub(crate) use retrieve::retrieve;
pub(crate) use sign_url::sign_url;
pub(crate) use update::update;
pub(crate) use upload::store;
