//! Answers whose media goes to a receiver as they arrive.

use super::place::Place;
use super::sieve::{Decoded, Sieve, SieveError};
use super::sse::{SsePiece, SseReader};
use crate::provider::{ProviderError, ProviderErrorKind as Kind};
use crate::receive::{IncomingMedia, MediaReceiver, ReceiveError, ReceiveErrorKind};

/// Most media of one answer, or of one event.
const MAX_MEDIA: usize = 64;
/// Most media of all events of an answer.
const MAX_MEDIA_OF_EVENTS: usize = 1024;

/// Where an answer has its media, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Where media is.
    pub(crate) places: &'static [Place],
    /// Longest JSON around the media, in bytes; in a stream of events of each event.
    pub(crate) max_rest: usize,
    /// Most bytes of media, decoded, of the whole answer.
    pub(crate) max_media: usize,
}

/// Why an answer cannot be taken in.
#[derive(Debug)]
pub(crate) enum IntakeError {
    Sieve(SieveError),
    /// More media than allowed.
    TooLarge,
    Receive(ReceiveError),
}

impl From<SieveError> for IntakeError {
    fn from(error: SieveError) -> Self {
        Self::Sieve(error)
    }
}

impl IntakeError {
    pub(crate) fn into_error(self, provider: &'static str) -> ProviderError {
        let invalid =
            |words| ProviderError::new(Kind::InvalidResponse, provider).with_message(words);
        match self {
            Self::Sieve(SieveError::NotBase64) => invalid("media is not base64"),
            Self::Sieve(SieveError::Cut) => invalid("the answer ends in its middle"),
            Self::Sieve(SieveError::TooLong) | Self::TooLarge => invalid("the answer is too large"),
            Self::Receive(error) => match error.kind() {
                ReceiveErrorKind::TooLarge => invalid("the answer is too large").with_source(error),
                _ => ProviderError::new(Kind::Spool, provider).with_source(error),
            },
        }
    }
}

/// JSON of one answer or one event.
#[derive(Debug)]
pub(crate) struct Intake {
    sieve: Sieve,
    receiver: MediaReceiver,
    found: Vec<IncomingMedia>,
    left: usize,
}

impl Intake {
    pub(crate) fn new(form: Form, receiver: &MediaReceiver) -> Self {
        Self {
            sieve: Sieve::new(form.places, form.max_rest),
            receiver: receiver.clone(),
            found: Vec::new(),
            left: form.max_media,
        }
    }

    /// Reads on.
    ///
    /// # Errors
    /// It is of no use after an error, nor after a call that was dropped.
    pub(crate) async fn push(&mut self, mut piece: &[u8]) -> Result<(), IntakeError> {
        while let Some(Decoded { number, bytes }) = self.sieve.next(&mut piece)? {
            self.left = self
                .left
                .checked_sub(bytes.len())
                .ok_or(IntakeError::TooLarge)?;
            if number >= MAX_MEDIA {
                return Err(IntakeError::TooLarge);
            }
            while self.found.len() <= number {
                self.found.push(self.receiver.begin());
            }
            if let Some(incoming) = self.found.get_mut(number) {
                incoming.write(bytes).await.map_err(IntakeError::Receive)?;
            }
        }
        // Those without bytes too: each costs a place in the answer.
        if self.sieve.count() > MAX_MEDIA {
            return Err(IntakeError::TooLarge);
        }
        Ok(())
    }

    /// The JSON around the media, and the media.
    ///
    /// # Errors
    /// `Cut` in its middle.
    pub(crate) fn finish(self) -> Result<Taken, IntakeError> {
        Ok(Taken {
            json: self.sieve.finish()?,
            media: self.found.into_iter().map(Some).collect(),
        })
    }
}

/// An answer or event that was taken in.
#[derive(Debug)]
pub(crate) struct Taken {
    /// In the place of each medium, its number as a string.
    pub(crate) json: Vec<u8>,
    media: Vec<Option<IncomingMedia>>,
}

impl Taken {
    /// The medium of this number; none where it has no bytes or was taken before.
    pub(crate) fn media(&mut self, number: &str) -> Option<IncomingMedia> {
        let number: usize = number.parse().ok()?;
        let incoming = self.media.get_mut(number)?.take();
        incoming.filter(|incoming| !incoming.is_empty())
    }
}

/// An answer that comes as server-sent events.
#[derive(Debug)]
pub(crate) struct EventIntake {
    reader: SseReader,
    form: Form,
    receiver: MediaReceiver,
    event: Option<Intake>,
    /// How many media came in events that have ended.
    count: usize,
}

impl EventIntake {
    pub(crate) fn new(form: Form, receiver: &MediaReceiver) -> Self {
        Self {
            reader: SseReader::default(),
            form,
            receiver: receiver.clone(),
            event: None,
            count: 0,
        }
    }

    /// Reads on to the end of an event and moves `input` to what is left; `None` when all of it
    /// was read.
    ///
    /// # Errors
    /// Those of [`Intake`].
    pub(crate) async fn next(&mut self, input: &mut &[u8]) -> Result<Option<Taken>, IntakeError> {
        while let Some(piece) = self.reader.next(input) {
            let begin = || Intake::new(self.form, &self.receiver);
            let event = self.event.get_or_insert_with(begin);
            match piece {
                SsePiece::Data(data) => event.push(data).await?,
                SsePiece::End => {
                    if let Some(event) = self.event.take() {
                        self.form.max_media = event.left;
                        self.count += event.sieve.count();
                        if self.count > MAX_MEDIA_OF_EVENTS {
                            return Err(IntakeError::TooLarge);
                        }
                        return event.finish().map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether it ended between two events.
    pub(crate) fn is_between(&self) -> bool {
        self.event.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Step::{Each, Key};
    use super::*;
    use media_types::{Mime, base64};
    use serde_json::{Value, json};

    const GEMINI: Form = Form {
        places: &[&[
            Key("candidates"),
            Each,
            Key("content"),
            Key("parts"),
            Each,
            Key("inlineData"),
            Key("data"),
        ]],
        max_rest: 1000,
        max_media: 1000,
    };

    fn event(text: &str, media: &[u8]) -> Value {
        json!({"candidates": [{"content": {"parts": [
            {"text": text}, {"inlineData": {"mimeType": "image/png", "data": base64::encode(media)}}
        ]}}]})
    }

    async fn read(stream: &str, size: usize) -> Result<Vec<(Value, Vec<u8>)>, IntakeError> {
        let mut intake = EventIntake::new(GEMINI, &MediaReceiver::in_memory());
        let mut events = Vec::new();
        for mut piece in stream.as_bytes().chunks(size) {
            while let Some(mut taken) = intake.next(&mut piece).await? {
                let incoming = taken.media("0");
                assert!(taken.media("0").is_none() && taken.media("1").is_none());
                let bytes = match incoming {
                    Some(incoming) => {
                        let content = incoming.finish(&Mime::IMAGE_PNG).await.unwrap();
                        content.inline().unwrap().to_vec()
                    }
                    None => Vec::new(),
                };
                events.push((serde_json::from_slice(&taken.json).unwrap(), bytes));
            }
        }
        assert!(intake.is_between());
        Ok(events)
    }

    #[tokio::test]
    async fn media_of_every_event_is_received() {
        let stream = format!(
            "data: {}\n\n: wait\n\ndata: {}\r\n\r\ndata: {{}}\n\n",
            event("one", &[1; 90]),
            event("two", &[2; 300])
        );
        for size in [1, 2, 5, 33, 5000] {
            let events = read(&stream, size).await.unwrap();
            let (texts, media): (Vec<Value>, Vec<Vec<u8>>) = events
                .into_iter()
                .map(|(json, media)| {
                    (
                        json["candidates"][0]["content"]["parts"][0]["text"].clone(),
                        media,
                    )
                })
                .unzip();
            assert_eq!(texts, [json!("one"), json!("two"), Value::Null]);
            assert_eq!(media, [vec![1; 90], vec![2; 300], vec![]]);
        }
    }

    #[tokio::test]
    async fn the_media_of_all_events_is_counted() {
        for (count, fits) in [(1024, true), (1025, false)] {
            let one = format!("data: {}\n\n", event("", &[]));
            let read = read(&one.repeat(count), 1000).await;
            assert_eq!(read.is_ok(), fits, "{count}");
        }
    }

    #[tokio::test]
    async fn the_media_of_all_events_together_is_bounded() {
        let events = |last: usize| {
            let one = event("x", &[0; 500]);
            format!("data: {one}\n\ndata: {}\n\n", event("y", &vec![0; last]))
        };
        assert_eq!(read(&events(500), 100).await.unwrap().len(), 2);
        let error = read(&events(501), 100).await.unwrap_err();
        assert!(matches!(error, IntakeError::TooLarge));
        let long = format!("data: {}\n\n", event(&"x".repeat(1000), &[]));
        let error = read(&long, 100).await.unwrap_err();
        assert!(matches!(error, IntakeError::Sieve(SieveError::TooLong)));
    }
}
