//! A turn as it goes on.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use media_types::MediaContent;
use tokio::sync::mpsc;

use super::response::Response;
use crate::error::ConversationError;
use crate::receive::ReceivedMedia;

/// How many events of a turn wait for their reader; the turn waits when there are more.
const WAITING: usize = 16;

/// A piece of a turn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TurnEvent {
    /// More words of the model.
    TextDelta(String),
    /// Media that the model or a tool made: with its bytes, or where it was received through a
    /// [`MediaReceiver`](crate::receive::MediaReceiver), as a reference that the
    /// [loader of the manager](crate::ConversationManager::media_loader) reads until the last
    /// event.
    Media(MediaContent),
    /// A tool begins.
    #[non_exhaustive]
    ToolStarted {
        /// Which.
        name: String,
    },
    /// A tool is done.
    #[non_exhaustive]
    ToolFinished {
        /// Which.
        name: String,
        /// Whether the model was told of an error.
        is_error: bool,
    },
    /// The end: the turn is saved.
    Done(Box<Response>),
}

/// Where the events of a turn go, if anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Option<Reader>);

/// Who reads events, perhaps later than the turn goes on.
#[derive(Clone, Debug)]
struct Reader {
    sender: mpsc::Sender<TurnEvent>,
    received: Held,
}

/// The media that events refer to, held as long as they are read.
type Held = Arc<OnceLock<Arc<ReceivedMedia>>>;

impl Events {
    pub(crate) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) async fn send(&self, event: TurnEvent) {
        if let Some(reader) = &self.0 {
            // A reader that is gone has dropped the turn too.
            let _ = reader.sender.send(event).await;
        }
    }

    /// Holds the media of the turn until its events are read.
    pub(crate) fn hold(&self, received: &Arc<ReceivedMedia>) {
        if let Some(reader) = &self.0 {
            reader.received.get_or_init(|| Arc::clone(received));
        }
    }
}

type Turn<'a> = Pin<Box<dyn Future<Output = Result<Response, ConversationError>> + Send + 'a>>;

/// The events of a turn. The last one is [`TurnEvent::Done`] or an error. Dropping it drops the
/// turn, as dropping the future of [`send`](super::Conversation::send) does.
#[must_use = "a turn goes on only while its events are read"]
pub struct TurnEvents<'a> {
    turn: Option<Turn<'a>>,
    events: mpsc::Receiver<TurnEvent>,
    outcome: Option<Result<Response, ConversationError>>,
    received: Held,
}

impl<'a> TurnEvents<'a> {
    pub(super) fn new(start: impl FnOnce(Events) -> Turn<'a>) -> Self {
        let (sender, events) = mpsc::channel(WAITING);
        let received = Held::default();
        let reader = Reader {
            sender,
            received: Arc::clone(&received),
        };
        Self {
            turn: Some(start(Events(Some(reader)))),
            events,
            outcome: None,
            received,
        }
    }

    /// The next event; nothing after the last.
    pub async fn next(&mut self) -> Option<Result<TurnEvent, ConversationError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Reads to the end and returns the whole.
    ///
    /// # Errors
    /// Those of [`send`](super::Conversation::send).
    pub async fn finish(mut self) -> Result<Response, ConversationError> {
        loop {
            match self.next().await {
                Some(Ok(TurnEvent::Done(response))) => return Ok(*response),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(
                        ConversationError::new(crate::error::ConversationErrorKind::Other)
                            .with_detail("the turn was over already"),
                    );
                }
            }
        }
    }
}

impl fmt::Debug for TurnEvents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnEvents").finish_non_exhaustive()
    }
}

impl Stream for TurnEvents<'_> {
    type Item = Result<TurnEvent, ConversationError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(turn) = this.turn.as_mut()
            && let Poll::Ready(outcome) = turn.as_mut().poll(cx)
        {
            this.turn = None;
            this.outcome = Some(outcome);
        }
        if let Poll::Ready(Some(event)) = this.events.poll_recv(cx) {
            return Poll::Ready(Some(Ok(event)));
        }
        if this.turn.is_some() {
            return Poll::Pending;
        }
        this.received = Held::default();
        let outcome = this.outcome.take();
        Poll::Ready(outcome.map(|done| done.map(|response| TurnEvent::Done(Box::new(response)))))
    }
}
