//! Conversations: turns, one after the other, and what is around them.

mod handle;

pub use handle::Conversation;
