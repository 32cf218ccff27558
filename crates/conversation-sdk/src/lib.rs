//! conversation-sdk

pub mod pack;

pub use pack::{PackError, PromptPack, Variables};
