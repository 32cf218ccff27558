//! The error of everything that a manager and its conversations do.

mod convert;
mod conversation_error;
mod kind;

pub use conversation_error::ConversationError;
pub use kind::ConversationErrorKind;
