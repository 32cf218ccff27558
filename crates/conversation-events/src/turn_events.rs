//! The events of a turn as a stream.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use conversation_types::TurnId;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use crate::error::ConversationError;
use crate::response::Response;
use crate::turn_event::{EventPosition, TurnEvent};
use crate::turn_log::TurnLog;
use crate::turn_record::Read;

/// The events of a turn, as they come. The last one is [`TurnEvent::Done`] or an error.
///
/// The turn goes on whether or not its events are read; reading late costs the turn nothing. What
/// happens when the events that `Conversation::stream` returned are dropped is `OnDrop`'s to say;
/// dropping attached events changes nothing.
#[must_use = "the turn runs, and dropping its events may cancel it"]
pub struct TurnEvents {
    source: Source,
    events: BoxStream<'static, Result<TurnEvent, ConversationError>>,
    position: Arc<AtomicU64>,
    _guard: Option<Box<dyn Any + Send>>,
}

/// Where events come from.
enum Source {
    Log(Arc<TurnLog>),
    /// Elsewhere than a log of this process.
    Turn(TurnId),
}

impl TurnEvents {
    /// Creates the events of a log from a place on.
    pub fn of_log(log: Arc<TurnLog>, from: u64) -> Self {
        let position = Arc::new(AtomicU64::new(from));
        let source = Source::Log(Arc::clone(&log));
        let place = Arc::clone(&position);
        let events = stream::unfold(Some((log, from)), move |reader| {
            let place = Arc::clone(&place);
            async move {
                let (log, mut at) = reader?;
                loop {
                    match log.read(at) {
                        Read::Event(event, next) => {
                            at = next;
                            place.store(at, Ordering::Release);
                            return Some((Ok(event), Some((log, at))));
                        }
                        Read::Ended(Ok(response)) => {
                            return Some((Ok(TurnEvent::Done(response)), None));
                        }
                        Read::Ended(Err(error)) => return Some((Err(error), None)),
                        Read::Wait => log.wait_beyond(at).await,
                    }
                }
            }
        });
        Self {
            source,
            events: events.fuse().boxed(),
            position,
            _guard: None,
        }
    }

    /// Sets a value that is dropped together with these events.
    pub fn with_guard(mut self, guard: impl Send + 'static) -> Self {
        self._guard = Some(Box::new(guard));
        self
    }

    /// Creates events that come from elsewhere than a log of this process. `position` is the place
    /// after the last event that the stream has yielded, and is the stream's to move on.
    pub fn of_stream(
        turn: TurnId,
        events: BoxStream<'static, Result<TurnEvent, ConversationError>>,
        position: Arc<AtomicU64>,
    ) -> Self {
        Self {
            source: Source::Turn(turn),
            events: events.fuse().boxed(),
            position,
            _guard: None,
        }
    }

    /// Returns the turn. For a message that was sent before under the same idempotency key, that is the
    /// turn of the first time as soon as it is known.
    pub fn turn(&self) -> &TurnId {
        match &self.source {
            Source::Log(log) => log.turn(),
            Source::Turn(turn) => turn,
        }
    }

    /// Returns the place after the last event that was read, with which a reader can
    /// continue by `Conversation::attach`.
    pub fn position(&self) -> EventPosition {
        let sequence = self.position.load(Ordering::Acquire);
        let sequence = match &self.source {
            Source::Log(log) => log.resume_at(sequence),
            Source::Turn(_) => sequence,
        };
        EventPosition {
            turn: self.turn().clone(),
            sequence,
        }
    }

    /// Waits for the next event; `None` after the last, however often it is asked. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<TurnEvent, ConversationError>> {
        self.events.next().await
    }

    /// Reads the events to their end and returns the response.
    ///
    /// # Errors
    /// The error of the turn.
    pub async fn response(mut self) -> Result<Response, ConversationError> {
        loop {
            match self.next().await {
                Some(Ok(TurnEvent::Done(response))) => return Ok(*response),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(ConversationError::new(
                        crate::error::ConversationErrorKind::Cancelled,
                    ));
                }
            }
        }
    }
}

impl Stream for TurnEvents {
    type Item = Result<TurnEvent, ConversationError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for TurnEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnEvents")
            .field("turn", self.turn())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
