//! The place where media is handed over.

use std::fmt;
use std::sync::Arc;

use media_storage::{MediaBody, next};
use media_types::readable::causes;
use media_types::{MediaContent, MediaSource, Mime};

use super::byte_budget::ByteBudget;
use super::error::{SinkError, SinkErrorKind};
use super::session::Session;
use super::spool_writer::{SpoolLocation, SpoolWriter};
use super::writer::MediaWriter;

/// Receives media that a model or a tool makes: hand over its bytes as they come, get a
/// [`MediaContent`] for the answer. See the [module](crate::sink).
///
/// Within a turn, media of at least the threshold goes to a temporary file on its way into the
/// store; all other media becomes inline content. Content that is not inline refers to what its
/// turn has received, and can be read until the turn ends. Cheap to clone.
#[derive(Clone, Default)]
pub struct MediaSink {
    session: Option<Arc<Session>>,
}

impl MediaSink {
    /// Creates a sink outside of any turn: all media becomes inline content, and no URL is fetched.
    pub fn in_memory() -> Self {
        Self::default()
    }

    pub(super) fn of_session(session: Arc<Session>) -> Self {
        Self {
            session: Some(session),
        }
    }

    /// Begins to receive a media item. Dropping the writer discards what came.
    pub fn begin(&self) -> MediaWriter {
        let writer = match &self.session {
            Some(session) => session.writer(),
            None => SpoolWriter::new(SpoolLocation::Memory, &ByteBudget::new(u64::MAX)),
        };
        MediaWriter::new(writer, self.session.clone())
    }

    /// Receives a media item from a body.
    ///
    /// # Errors
    /// `Source` where the body fails; the errors of [`MediaWriter`].
    pub async fn receive(
        &self,
        declared: &Mime,
        body: MediaBody,
    ) -> Result<MediaContent, SinkError> {
        let mut writer = self.begin();
        let mut pieces = body.into_stream();
        while let Some(piece) = next(&mut pieces).await {
            let piece =
                piece.map_err(|error| SinkError::new(SinkErrorKind::Source).with_source(error))?;
            writer.write(&piece).await?;
        }
        writer.finish(declared).await
    }

    /// Fetches media that is known by its URL, as far as the turn's loader fetches URLs; every
    /// other field of the content stays. Content that is no URL, or cannot be fetched or kept, is
    /// returned as it is.
    pub async fn fetch(&self, content: MediaContent) -> MediaContent {
        let loader = self
            .session
            .as_ref()
            .and_then(|session| session.options.loader.as_ref());
        let (MediaSource::Url(_), Some(loader)) = (content.source(), loader) else {
            return content;
        };
        let loaded = match loader.open(&content).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::debug!(error = %causes(&error), "media stays at its URL");
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
                tracing::debug!(error = %causes(&error), "media stays at its URL");
                content
            }
        }
    }
}

impl fmt::Debug for MediaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.session {
            Some(_) => "MediaSink(of a turn)",
            None => "MediaSink(in memory)",
        })
    }
}
