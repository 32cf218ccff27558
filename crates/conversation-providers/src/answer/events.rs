//! Decoding an answer of server-sent events.

use super::decoded::Decoded;
use super::decoder::ResponseDecoder;
use super::error::DecodeError;
use super::limits::DecodeLimits;
#[cfg(feature = "http-client")]
use super::path::JsonPath;
use super::sse::{SsePiece, SseReader};
use crate::sink::MediaSink;

/// Most media items of all events of an answer.
const MAX_ITEMS: usize = 1024;
/// Most bytes that are no data: comments, names and ids, line ends. A comment a second fills it in
/// days, and a field name for each token takes longer than any answer.
const MAX_IGNORED: u64 = 16 * 1024 * 1024;

/// Decodes an answer that arrives as server-sent events.
#[derive(Debug)]
pub(crate) struct EventDecoder {
    reader: SseReader,
    limits: DecodeLimits,
    sink: MediaSink,
    event: Option<ResponseDecoder>,
    /// Media items of events that have ended.
    count: usize,
}

impl EventDecoder {
    pub(crate) fn new(limits: DecodeLimits, sink: &MediaSink) -> Self {
        Self {
            reader: SseReader::default(),
            limits,
            sink: sink.clone(),
            event: None,
            count: 0,
        }
    }

    /// Reads on to the end of an event and moves `input` to what is left; `None` when all of it was
    /// read.
    ///
    /// # Errors
    /// The errors of [`ResponseDecoder`]; `TooLarge` for a stream of comments.
    pub(crate) async fn next(&mut self, input: &mut &[u8]) -> Result<Option<Decoded>, DecodeError> {
        while let Some(piece) = self.reader.next(input) {
            let begin = || ResponseDecoder::new(self.limits, &self.sink);
            let event = self.event.get_or_insert_with(begin);
            match piece {
                SsePiece::Data(data) => event.push(data).await?,
                SsePiece::End => {
                    if let Some(event) = self.event.take() {
                        self.limits.max_media = event.media_left();
                        self.count += event.count();
                        if self.count > MAX_ITEMS {
                            return Err(DecodeError::TooLarge);
                        }
                        return event.finish().map(Some);
                    }
                }
            }
        }
        if self.reader.ignored() > MAX_IGNORED {
            return Err(DecodeError::TooLarge);
        }
        Ok(None)
    }

    /// Sets where the events that follow have media; one that has begun keeps its own.
    #[cfg(feature = "http-client")]
    pub(crate) fn set_paths(&mut self, paths: &'static [JsonPath]) {
        self.limits.paths = paths;
    }

    /// Returns whether everything that was read belongs to events that have ended.
    pub(crate) fn is_between_events(&self) -> bool {
        self.event.is_none()
    }
}

#[cfg(test)]
mod tests;
