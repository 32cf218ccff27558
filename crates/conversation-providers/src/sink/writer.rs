//! A media item that is being received.

use std::sync::Arc;

use bytes::Bytes;
use media_types::{MediaContent, Mime};

use super::error::SinkError;
use super::session::Session;
use super::spool_writer::SpoolWriter;

/// A media item that is being received.
#[derive(Debug)]
#[must_use = "a writer that is not finished discards what it received"]
pub struct MediaWriter {
    writer: SpoolWriter,
    session: Option<Arc<Session>>,
}

impl MediaWriter {
    pub(super) fn new(writer: SpoolWriter, session: Option<Arc<Session>>) -> Self {
        Self { writer, session }
    }

    /// Returns the number of bytes that came so far.
    pub fn len(&self) -> u64 {
        self.writer.len()
    }

    /// Returns whether no bytes came so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next bytes. A call that is dropped before its end spoils the item: every later
    /// call is an error.
    ///
    /// # Errors
    /// `TooLarge` where the media of the turn exceeds its limit
    /// ([`with_max_bytes`](super::SpoolOptions::with_max_bytes)); `Spool`. The item is of no use
    /// then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.writer.write(bytes).await
    }

    /// Ends an item that is not kept, and returns its type, as [`finish`](Self::finish) finds it, and
    /// its bytes; `None` where they are more than `limit`.
    ///
    /// # Errors
    /// `Spool`.
    #[cfg_attr(
        not(feature = "http-client"),
        allow(dead_code, reason = "only streams have previews")
    )]
    pub(crate) async fn finish_unkept(
        self,
        declared: &Mime,
        limit: u64,
    ) -> Result<Option<(Mime, Bytes)>, SinkError> {
        if self.len() > limit {
            return Ok(None);
        }
        let mime = self.writer.type_of(declared);
        let spool = self.writer.finish().await?;
        let bytes = spool.bytes().await.map_err(SinkError::spool)?;
        Ok(Some((mime, bytes)))
    }

    /// Ends the item. Its type is the one that its first bytes show, and the declared one where
    /// they show none.
    ///
    /// # Errors
    /// `Spool`.
    pub async fn finish(self, declared: &Mime) -> Result<MediaContent, SinkError> {
        let mime = self.writer.type_of(declared);
        let spool = self.writer.finish().await?;
        if let Some(session) = &self.session
            && spool.len() >= session.options.threshold
            && let Some(reference) = session.hold(&mime, spool.clone())
        {
            return Ok(MediaContent::from_reference(mime, reference));
        }
        let bytes = spool.bytes().await.map_err(SinkError::spool)?;
        Ok(MediaContent::from_bytes(mime, bytes))
    }
}
