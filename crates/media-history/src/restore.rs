//! Putting media back where its placeholders are.

use bytes::{Bytes, BytesMut};
use media_storage::{ByteStream, RetrieveOptions, next};
use memchr::memmem;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::Tracker;
use crate::placeholder::{Candidate, PREFIX, Parsed, Placeholder, find, open_tail, parse};
use crate::quotes::{quote_len, quote_tail};
use crate::report::RestoreReport;
use crate::settings::{OnMissing, Owner, Settings};
use crate::style::{SPELLED_AT_A_TIME, StyledEncoder};

const OPERATION: HistoryOperation = HistoryOperation::Restore;

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

/// Reads a slim history and yields the restored one, piece by piece.
pub(crate) struct Restorer<R> {
    reader: R,
    settings: Settings,
    owner: Owner,
    buffer: BytesMut,
    ended: bool,
    media: Option<OpenMedia>,
    report: RestoreReport,
    tracker: Tracker,
    /// The history that the slim one was made from, whose own placeholders stay.
    original: Option<File>,
}

/// Media that is being put back.
struct OpenMedia {
    stream: ByteStream,
    /// What came and is not spelled yet: a store gives pieces of any size.
    piece: Bytes,
    /// None once it has ended.
    encoder: Option<StyledEncoder>,
    placeholder: Placeholder,
    written: u64,
}

enum Step {
    Text(Bytes),
    /// A placeholder, and how long the quotes are that go with it.
    Placeholder(Box<Candidate>, usize),
    Read,
    End,
}

impl<R: AsyncRead + Unpin + Send> Restorer<R> {
    pub(crate) fn new(settings: Settings, reader: R) -> Result<Self, HistoryError> {
        Ok(Self {
            reader,
            owner: settings.owner(OPERATION)?,
            settings,
            buffer: BytesMut::new(),
            ended: false,
            media: None,
            report: RestoreReport::default(),
            tracker: Tracker::default(),
            original: None,
        })
    }

    /// Puts back what is not in the history that the slim one was made from: placeholders that stand
    /// at the same place there stay.
    pub(crate) fn with_original(mut self, original: File) -> Self {
        self.original = Some(original);
        self
    }

    /// Writes the restored history.
    pub(crate) async fn write_to<W>(mut self, mut writer: W) -> Result<RestoreReport, HistoryError>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let write =
            |error| HistoryError::new(HistoryErrorKind::Write, OPERATION).with_source(error);
        while let Some(piece) = self.next().await? {
            writer.write_all(&piece).await.map_err(write)?;
        }
        writer.flush().await.map_err(write)?;
        Ok(self.report)
    }

    /// The next piece of the restored history; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, HistoryError> {
        loop {
            if let Some(open) = &mut self.media {
                let piece = open.next().await?;
                if let Some(piece) = piece {
                    self.report.output_bytes += piece.len() as u64;
                    return Ok(Some(piece));
                }
                self.report.restored += 1;
                self.report.media_bytes += open.placeholder.size;
                self.media = None;
            }
            match self.step() {
                Step::Text(text) => {
                    self.tracker.read(&text);
                    self.report.output_bytes += text.len() as u64;
                    return Ok(Some(text));
                }
                Step::Placeholder(candidate, quote) => {
                    let kept = self.open(*candidate, quote).await?;
                    if quote > 0 {
                        self.tracker.skip_value();
                    }
                    if let Some(kept) = kept {
                        self.report.output_bytes += kept.len() as u64;
                        return Ok(Some(kept));
                    }
                }
                Step::Read => self.read().await?,
                Step::End => return Ok(None),
            }
        }
    }

    /// Looks at what is buffered.
    fn step(&mut self) -> Step {
        let mut from = 0;
        loop {
            let rest = self.buffer.get(from..).unwrap_or_default();
            let Some(at) = memmem::find(rest, PREFIX) else {
                let mut text = self.buffer.len();
                if !self.ended {
                    text -= open_tail(rest);
                    text -= quote_tail(self.buffer.get(..text).unwrap_or_default());
                }
                return match text {
                    0 if self.ended => Step::End,
                    _ => self.text(text),
                };
            };
            let at = from + at;
            let rest = self.buffer.get(at..).unwrap_or_default();
            match parse(rest) {
                Parsed::Candidate(candidate)
                    if candidate.is_ours(rest, &self.settings.key, &self.owner.tag) =>
                {
                    let before = self.buffer.get(..at).unwrap_or_default();
                    let after = rest.get(candidate.len..).unwrap_or_default();
                    let quote = match candidate.placeholder.style.is_quoted() {
                        true => quote_len(before, after, self.ended),
                        false => Some(0),
                    };
                    return match quote {
                        Some(quote) if at == quote => Step::Placeholder(candidate, quote),
                        Some(quote) => self.text(at - quote),
                        None => self.text(at - quote_tail(before)),
                    };
                }
                Parsed::Incomplete if !self.ended => {
                    let before = self.buffer.get(..at).unwrap_or_default();
                    return self.text(at - quote_tail(before));
                }
                // Text that only looks like a placeholder; a real one may begin inside it.
                parsed => {
                    let is_whole = matches!(parsed, Parsed::Candidate(_));
                    self.report.not_ours += u64::from(is_whole);
                    from = at + 1;
                }
            }
        }
    }

    /// Takes `len` bytes of the buffer as text; without any, more is to be read.
    fn text(&mut self, len: usize) -> Step {
        match len {
            0 => Step::Read,
            _ => Step::Text(self.buffer.split_to(len).freeze()),
        }
    }

    async fn read(&mut self) -> Result<(), HistoryError> {
        self.buffer.reserve(PIECE);
        let read = (&mut self.reader)
            .take(PIECE as u64)
            .read_buf(&mut self.buffer)
            .await
            .map_err(|error| {
                HistoryError::new(HistoryErrorKind::Read, OPERATION).with_source(error)
            })?;
        self.report.input_bytes += read as u64;
        self.ended = read == 0;
        Ok(())
    }

    /// Opens the media of the placeholder that the buffer begins with, in quotes of this length; returns
    /// the text that goes in its place, if that is not the media.
    async fn open(
        &mut self,
        candidate: Candidate,
        quote: usize,
    ) -> Result<Option<Bytes>, HistoryError> {
        let text = self.buffer.split_to(candidate.len + 2 * quote).freeze();
        if self.is_original(&text).await? {
            return Ok(Some(text));
        }
        match open_media(&self.settings, &self.owner, candidate.placeholder).await {
            Ok(media) => {
                self.media = Some(media);
                Ok(None)
            }
            Err(error)
                if error.kind() == HistoryErrorKind::Missing
                    && self.settings.on_missing == OnMissing::Keep =>
            {
                self.report.missing += 1;
                Ok(Some(text))
            }
            Err(error) => Err(match self.tracker.path() {
                Some(path) => error.with_path(path),
                None => error,
            }),
        }
    }

    /// Whether this text stands at this place in the original.
    async fn is_original(&mut self, text: &[u8]) -> Result<bool, HistoryError> {
        let Some(original) = &mut self.original else {
            return Ok(false);
        };
        // What was yielded so far is the original up to here.
        let at = std::io::SeekFrom::Start(self.report.output_bytes);
        let mut there = Vec::with_capacity(text.len());
        let read = async {
            original.seek(at).await?;
            let mut part = original.take(text.len() as u64);
            part.read_to_end(&mut there).await
        };
        read.await.map_err(|error| {
            HistoryError::new(HistoryErrorKind::Read, OPERATION).with_source(error)
        })?;
        Ok(there == text)
    }
}

async fn open_media(
    settings: &Settings,
    owner: &Owner,
    placeholder: Placeholder,
) -> Result<OpenMedia, HistoryError> {
    let reference = &placeholder.reference;
    let store = settings.store_of(reference, OPERATION)?;
    let options = RetrieveOptions::new().with_expected_scope(owner.scope.clone());
    let stored = store
        .retrieve_opts(reference, options)
        .await
        .map_err(|error| {
            HistoryError::storage(OPERATION, error).with_reference(reference.clone())
        })?;
    if stored.size != placeholder.size {
        return Err(corrupted(&placeholder));
    }
    Ok(OpenMedia {
        stream: stored.body.into_stream(),
        piece: Bytes::new(),
        encoder: Some(StyledEncoder::new(placeholder.style.clone())),
        placeholder,
        written: 0,
    })
}

fn corrupted(placeholder: &Placeholder) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Corrupted, OPERATION)
        .with_reason("the stored media does not have the length of the placeholder")
        .with_reference(placeholder.reference.clone())
}

impl OpenMedia {
    /// The next piece of text; `None` after the last, which is checked.
    async fn next(&mut self) -> Result<Option<Bytes>, HistoryError> {
        while let Some(encoder) = &mut self.encoder {
            if self.piece.is_empty() {
                match next(&mut self.stream).await {
                    Some(piece) => {
                        self.piece = piece.map_err(|error| {
                            HistoryError::storage(OPERATION, error)
                                .with_reference(self.placeholder.reference.clone())
                        })?;
                    }
                    None => break,
                }
            }
            let len = self.piece.len().min(SPELLED_AT_A_TIME);
            let part = self.piece.split_to(len);
            let mut text = Vec::with_capacity(encoder.capacity(len));
            encoder.push(&part, &mut text);
            if !text.is_empty() {
                return self.counted(text).map(Some);
            }
        }
        let mut text = Vec::new();
        if let Some(encoder) = self.encoder.take() {
            encoder.finish(&mut text);
        }
        if !text.is_empty() {
            // The next call finds nothing more and ends.
            return self.counted(text).map(Some);
        }
        if self.written == self.placeholder.text_len {
            Ok(None)
        } else {
            Err(corrupted(&self.placeholder))
        }
    }

    /// Never more text than the placeholder says, so that a body keeps its declared length.
    fn counted(&mut self, text: Vec<u8>) -> Result<Bytes, HistoryError> {
        self.written += text.len() as u64;
        if self.written > self.placeholder.text_len {
            return Err(corrupted(&self.placeholder));
        }
        Ok(text.into())
    }
}

/// The length that a slim history has when it is restored, without a look at any media.
pub(crate) fn restored_len(settings: &Settings, slim: &[u8]) -> Result<u64, HistoryError> {
    let owner = settings.owner(OPERATION)?;
    let mut len = slim.len() as u64;
    let mut end = 0;
    for (at, is_ours, candidate) in find(slim, &settings.key, &owner.tag) {
        if !is_ours {
            continue;
        }
        let mut replaced = candidate.len;
        if candidate.placeholder.style.is_quoted() {
            let before = slim.get(end..at).unwrap_or_default();
            let after = slim.get(at + candidate.len..).unwrap_or_default();
            let quote = quote_len(before, after, true).unwrap_or_default();
            replaced += 2 * quote;
            end = at + candidate.len + quote;
        } else {
            end = at + candidate.len;
        }
        len = len - replaced as u64 + candidate.placeholder.text_len;
    }
    Ok(len)
}

/// Looks whether the media of every placeholder is there.
pub(crate) async fn look_up(settings: &Settings, slim: &[u8]) -> Result<(), HistoryError> {
    let owner = settings.owner(OPERATION)?;
    let mut seen = std::collections::BTreeSet::new();
    for (at, is_ours, candidate) in find(slim, &settings.key, &owner.tag) {
        let reference = &candidate.placeholder.reference;
        if !is_ours || !seen.insert(reference.to_uri()) {
            continue;
        }
        let options = RetrieveOptions::new()
            .with_expected_scope(owner.scope.clone())
            .with_head();
        let store = settings.store_of(reference, OPERATION)?;
        if let Err(error) = store.retrieve_opts(reference, options).await {
            let error = HistoryError::storage(OPERATION, error).with_reference(reference.clone());
            return Err(match Tracker::path_at(slim, at) {
                Some(path) => error.with_path(path),
                None => error,
            });
        }
    }
    Ok(())
}
