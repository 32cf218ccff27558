//! Conversations: turns, one after the other, and what is around them.

mod append;
mod branch;
mod child;
mod copy;
mod fields;
mod handle;
mod history;
mod message_view;
mod view;

pub use handle::Conversation;
pub use message_view::{ConversationView, MessageView, PartView, ViewOptions};
