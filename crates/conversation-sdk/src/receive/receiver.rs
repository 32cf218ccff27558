//! Where media goes that a model or a tool makes.

use std::fmt;
use std::sync::Arc;

use media_storage::{MediaBody, next};
use media_types::{MediaContent, MediaSource, Mime};

use super::budget::Budget;
use super::error::{ReceiveError, ReceiveErrorKind};
use super::spool::{SpoolSite, SpoolWriter};
use super::turn::Turn;

/// Where media goes that a model or a tool makes: hand over its bytes as they come, get a
/// [`MediaContent`] for the answer.
///
/// A provider finds it in its [`MediaContext`](crate::MediaContext), a tool in its
/// [`ToolContext`](crate::tool::ToolContext). Within a turn whose manager has a media store, media
/// of at least the threshold goes to a temporary file on its way into the store; all other media
/// becomes inline content. Cheap to clone.
///
/// Content that is not inline refers to what its turn has received. The loader of the manager reads
/// it while the turn goes on, and the request of the next round does; in the history and in the
/// [`Response`](crate::Response) it is a reference of the store. Do not keep it for longer.
///
/// ```
/// use conversation_sdk::receive::{MediaReceiver, ReceiveError};
/// use media_types::{MediaContent, Mime};
///
/// async fn paint(receiver: &MediaReceiver) -> Result<MediaContent, ReceiveError> {
///     let mut picture = receiver.begin();
///     for piece in [&b"\x89PNG\r\n\x1a\n"[..], b"..."] {
///         picture.write(piece).await?;
///     }
///     picture.finish(&Mime::IMAGE_PNG).await
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ReceiveError> {
/// let content = paint(&MediaReceiver::in_memory()).await?;
/// assert_eq!(content.size(), Some(11));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MediaReceiver {
    turn: Option<Arc<Turn>>,
}

impl MediaReceiver {
    /// A receiver outside of any turn: all media becomes inline content, and no address is fetched.
    pub fn in_memory() -> Self {
        Self { turn: None }
    }

    pub(super) fn of_turn(turn: Arc<Turn>) -> Self {
        Self { turn: Some(turn) }
    }

    /// Begins to receive one medium. Dropping it forgets what came so far.
    pub fn begin(&self) -> IncomingMedia {
        let writer = match &self.turn {
            Some(turn) => SpoolWriter::new(turn.owner.site.clone(), &turn.budget),
            None => SpoolWriter::new(SpoolSite::Memory, &Budget::new(u64::MAX)),
        };
        IncomingMedia {
            writer,
            turn: self.turn.clone(),
        }
    }

    /// Receives one medium from a body.
    ///
    /// # Errors
    /// `Source` where the body fails; those of [`IncomingMedia`].
    pub async fn receive(
        &self,
        declared: &Mime,
        body: MediaBody,
    ) -> Result<MediaContent, ReceiveError> {
        let mut incoming = self.begin();
        let mut pieces = body.into_stream();
        while let Some(piece) = next(&mut pieces).await {
            let piece = piece
                .map_err(|error| ReceiveError::new(ReceiveErrorKind::Source).with_source(error))?;
            incoming.write(&piece).await?;
        }
        incoming.finish(declared).await
    }

    /// Fetches media that is known by its address, as far as the turn's loader fetches addresses;
    /// every other field of the content stays. What is no address, or cannot be fetched or kept,
    /// comes back as it was.
    pub async fn fetch(&self, content: MediaContent) -> MediaContent {
        let (MediaSource::Url(_), Some(turn)) = (content.source(), &self.turn) else {
            return content;
        };
        let loaded = match turn.owner.loader.open(&content).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::debug!(%error, "media stays at its address");
                return content;
            }
        };
        match self.receive(&loaded.mime, loaded.body).await {
            Ok(fetched) => content
                .attributes()
                .iter()
                .fold(fetched, |fetched, (name, value)| {
                    fetched.with_attribute(name, value.clone())
                }),
            Err(error) => {
                tracing::debug!(%error, "media stays at its address");
                content
            }
        }
    }
}

/// The same receiver, or two outside of any turn.
impl PartialEq for MediaReceiver {
    fn eq(&self, other: &Self) -> bool {
        match (&self.turn, &other.turn) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Default for MediaReceiver {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl fmt::Debug for MediaReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.turn {
            Some(_) => "MediaReceiver(of a turn)",
            None => "MediaReceiver(in memory)",
        })
    }
}

/// A medium that is being received.
#[derive(Debug)]
#[must_use = "what is not finished is forgotten"]
pub struct IncomingMedia {
    writer: SpoolWriter,
    turn: Option<Arc<Turn>>,
}

impl IncomingMedia {
    /// How many bytes came so far.
    pub fn len(&self) -> u64 {
        self.writer.len()
    }

    /// Whether none came so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next bytes. A call that is dropped before its end spoils the medium: every later
    /// call is an error.
    ///
    /// # Errors
    /// `TooLarge` where the media of the turn is more than it may receive
    /// ([`with_max_received_bytes`](crate::ManagerConfig::with_max_received_bytes)); `Spool`. What
    /// came so far is of no use then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        self.writer.write(bytes).await
    }

    /// Ends the medium. Its type is what its first bytes show, and the declared one where they show
    /// none.
    ///
    /// # Errors
    /// `Spool`.
    pub async fn finish(self, declared: &Mime) -> Result<MediaContent, ReceiveError> {
        let mime = self.writer.sniffed().unwrap_or_else(|| declared.clone());
        let spool = self.writer.finish().await?;
        if let Some(turn) = &self.turn
            && spool.len() >= turn.owner.threshold
            && let Some(reference) = turn.hold(&mime, spool.clone())
        {
            return Ok(MediaContent::from_reference(mime, reference));
        }
        let bytes = spool.bytes().await.map_err(ReceiveError::spool)?;
        Ok(MediaContent::from_bytes(mime, bytes))
    }
}
