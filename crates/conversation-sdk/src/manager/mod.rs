//! The manager of conversations.

mod builder;
mod lifecycle;
#[allow(
    clippy::module_inception,
    reason = "the type is what the module is about"
)]
mod manager;

pub use builder::ConversationManagerBuilder;
pub use manager::ConversationManager;
