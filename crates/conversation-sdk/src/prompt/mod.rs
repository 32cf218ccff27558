//! What every turn of a conversation takes from its prompt.

mod inline;
mod resolved;
mod tools;

pub(crate) use inline::InlinePrompt;
pub(crate) use resolved::ResolvedPrompt;
pub(crate) use tools::{EnabledTool, Toolbox};
