//! What turns of a conversation report: their responses and errors, events for code that looks on, and
//! streams of events for readers.
//!
//! - [`Response`] is the result of a turn, [`ConversationError`] why there is none, with what was
//!   kept.
//! - [`Event`]s go to [`Listeners`]: turns, tools, media. They never carry bytes, text of users or
//!   models, keys or signed URLs.
//! - [`TurnEvents`] are what a reader of one turn sees. They are read from a [`TurnLog`], which holds
//!   text once, however many readers there are, and never waits for one.
//!
//! The crate knows no manager: whoever runs turns fills the log.
//!
//! ```
//! use std::sync::Arc;
//!
//! use conversation_events::{Response, ResponseParts, TurnEvent, TurnEvents, TurnLog};
//! use conversation_state::TurnStatus;
//! use conversation_types::{Message, TurnId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = Arc::new(TurnLog::new(TurnId::mint()));
//! log.begin_message();
//! log.text("Hel");
//! log.text("lo");
//! let turn = log.turn().clone();
//! let mut parts = ResponseParts::new("conv-1".parse()?, turn, TurnStatus::Complete);
//! parts.messages.push(Message::assistant(vec!["Hello".into()]));
//! log.end(Ok(Box::new(Response::from(parts))));
//!
//! // A reader that comes late reads the same.
//! let mut events = TurnEvents::of_log(log, 0);
//! let Some(Ok(TurnEvent::TextDelta(text))) = events.next().await else {
//!     return Err("no text".into());
//! };
//! assert_eq!(text, "Hello");
//! assert_eq!(events.response().await?.text(), "Hello");
//! # Ok(())
//! # }
//! ```

mod error;
mod event;
mod lifecycle;
mod listener;
#[cfg(feature = "metrics")]
mod metrics_listener;
mod observed;
mod response;
mod stored;
mod text;
mod turn_event;
mod turn_events;
mod turn_log;
mod turn_record;

pub use error::{ConversationError, ConversationErrorKind};
pub use event::{Event, EventKind, EventSubject, TurnTotals};
pub use listener::{Listener, Listeners};
#[cfg(feature = "metrics")]
pub use metrics_listener::MetricsListener;
pub use observed::ObservedStorage;
pub use response::{InlineFallback, Response, ResponseParts};
pub use stored::{outcome_of, response_of};
pub use text::floor_boundary;
pub use turn_event::{EventPosition, TurnEvent, TurnSnapshot};
pub use turn_events::TurnEvents;
pub use turn_log::TurnLog;
pub use turn_record::{Read, TurnOutcome};
