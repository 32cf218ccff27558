//! The error of everything that a manager and its conversations do.

mod conversation_error;
mod convert;
mod kind;

pub use conversation_error::ConversationError;
pub use kind::ConversationErrorKind;
