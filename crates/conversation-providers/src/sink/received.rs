//! The media that a turn has received and not yet stored.

use std::sync::Arc;

use media_types::MediaContent;

use super::media_sink::MediaSink;
use super::registry::SpoolRegistry;
use super::session::{Session, SpoolOptions};
use super::spool::Spool;

/// The media that a turn has received and not yet stored. Dropping it ends the turn's spools.
#[derive(Debug)]
pub struct ReceivedMedia(Arc<Session>);

impl ReceivedMedia {
    /// Creates the received media of a turn, which the registry gives out.
    pub fn new(registry: &SpoolRegistry, options: SpoolOptions) -> Self {
        Self(Arc::new(Session::new(registry, options)))
    }

    /// Returns a sink for media of this turn.
    pub fn sink(&self) -> MediaSink {
        MediaSink::of_session(Arc::clone(&self.0))
    }

    /// Returns the bytes behind content that this turn has received.
    pub fn spool(&self, content: &MediaContent) -> Option<Spool> {
        self.0.spool(content.reference()?)
    }
}

impl Drop for ReceivedMedia {
    fn drop(&mut self) {
        self.0.end();
    }
}
