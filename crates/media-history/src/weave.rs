//! Copying a history with its media replaced.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::{Event, Extractor, Hold};
use crate::lifetime::discard;
use crate::output::Output;
use crate::report::Report;
use crate::settings::Settings;
use crate::spool::Spill;

const OPERATION: HistoryOperation = HistoryOperation::Externalize;

/// How much is read at a time.
const PIECE: usize = 128 * 1024;

/// How much of one value is kept in memory.
const WINDOW: usize = 2 * 1024 * 1024;

/// Copies a history. A failure lists at most `listed` new references whose placeholders were written.
pub(crate) async fn externalize<R, W>(
    settings: &Settings,
    reader: R,
    writer: W,
    listed: usize,
) -> Result<Report, HistoryError>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let owner = settings.owner(OPERATION)?;
    let metadata = owner.metadata(settings.metadata.clone(), OPERATION)?;
    let mut weaver = Weaver {
        settings,
        extractor: Extractor::new(settings.rules),
        output: Output::new(settings, owner, metadata, writer, listed),
        held: Vec::new(),
    };
    match weaver.run(reader).await {
        Ok(input_bytes) => {
            let fault = weaver.extractor.fault();
            let documents = weaver.extractor.shared().document;
            let mut report = weaver.output.into_report();
            report.fault = fault;
            report.totals.documents = documents;
            report.totals.input_bytes = input_bytes;
            Ok(report)
        }
        Err(error) => {
            let (written, unwritten) = weaver.output.stored().await;
            discard(settings, unwritten).await;
            Err(error.with_stored(written))
        }
    }
}

struct Weaver<'a, W> {
    settings: &'a Settings,
    extractor: Extractor,
    output: Output<'a, W>,
    /// Text that is read before the input goes on, the innermost last.
    held: Vec<Held>,
}

/// Text that was held, in the course of being read again.
struct Held {
    spill: Option<Spill>,
    at: u64,
    pieces: VecDeque<Bytes>,
}

impl Held {
    fn new(hold: Hold) -> Self {
        Self {
            spill: hold.spill,
            at: 0,
            pieces: VecDeque::from([hold.raw.into()]),
        }
    }

    /// The text that comes next; empty at the end.
    async fn piece(&mut self) -> Result<Bytes, HistoryError> {
        if let Some(spill) = self.spill.take_if(|spill| self.at == spill.len()) {
            drop(spill);
        }
        if let Some(spill) = &self.spill {
            let piece = spill.read(self.at).await?;
            self.at += piece.len() as u64;
            return Ok(piece);
        }
        Ok(self.pieces.pop_front().unwrap_or_default())
    }
}

impl<W: AsyncWrite + Unpin + Send> Weaver<'_, W> {
    async fn run<R>(&mut self, mut reader: R) -> Result<u64, HistoryError>
    where
        R: AsyncRead + Unpin + Send,
    {
        let (mut buffer, mut total) = (BytesMut::with_capacity(PIECE), 0_u64);
        loop {
            buffer.clear();
            buffer.reserve(PIECE);
            let read = (&mut reader).take(PIECE as u64).read_buf(&mut buffer).await;
            let read = read.map_err(|error| {
                HistoryError::new(HistoryErrorKind::Read, OPERATION).with_source(error)
            })?;
            if read == 0 {
                break;
            }
            total += read as u64;
            self.push(&buffer).await?;
        }
        loop {
            self.extractor.finish();
            if self.extractor.shared().events.is_empty() {
                break;
            }
            self.events().await?;
            self.replay().await?;
        }
        self.events().await?;
        self.output.finish().await?;
        Ok(total)
    }

    /// Reads a piece of the history, and what was held in it.
    async fn push(&mut self, piece: &[u8]) -> Result<(), HistoryError> {
        let mut at = 0;
        loop {
            at += self.extractor.push(piece.get(at..).unwrap_or_default());
            let has_events = !self.extractor.shared().events.is_empty();
            self.events().await?;
            self.replay().await?;
            if at == piece.len() && !has_events {
                return self.spill().await;
            }
        }
    }

    /// Reads what was held, and what was held in that, to its end.
    async fn replay(&mut self) -> Result<(), HistoryError> {
        while let Some(mut held) = self.held.pop() {
            let piece = held.piece().await?;
            let is_end = piece.is_empty() && held.spill.is_none() && held.pieces.is_empty();
            // At the end too: a character may wait for what came before it.
            let read = self.extractor.push(&piece);
            if is_end && self.extractor.shared().events.is_empty() {
                self.extractor.replayed();
                continue;
            }
            if read < piece.len() || !self.extractor.shared().events.is_empty() {
                held.put_back(piece.slice(read..));
            }
            self.held.push(held);
            self.events().await?;
            self.spill().await?;
        }
        Ok(())
    }

    /// Does what the extractor asks for.
    async fn events(&mut self) -> Result<(), HistoryError> {
        let shared = self.extractor.shared();
        let (text, left) = (&mut shared.out, std::mem::take(&mut shared.left));
        self.output.text(text).await?;
        for left in left {
            self.output.left(left);
        }
        for event in std::mem::take(&mut self.extractor.shared().events) {
            match event {
                Event::Value { id, value, open } => {
                    self.output.value(id, value, open).await?;
                }
                Event::Respell(respell) => self.output.respell(respell).await?,
                Event::Held(hold) => self.output.held(hold).await?,
                Event::Replay(hold) => {
                    self.extractor.replay();
                    self.held.push(Held::new(hold));
                }
                Event::Resolved {
                    id,
                    is_media,
                    named,
                } => self.output.resolve(id, is_media, named).await?,
                Event::LateType { id, mime } => self.output.late_type(id, mime),
            }
        }
        Ok(())
    }

    /// Moves what is too much for memory to a file.
    async fn spill(&mut self) -> Result<(), HistoryError> {
        let Some((bytes, spill)) = self.extractor.buffer() else {
            return Ok(());
        };
        if bytes.len() < WINDOW {
            return Ok(());
        }
        let directory = self.settings.spool_directory.clone();
        let (made, emptied) = Spill::append(spill.take(), directory, std::mem::take(bytes)).await?;
        (*spill, *bytes) = (Some(made), emptied);
        Ok(())
    }
}

impl Held {
    fn put_back(&mut self, rest: Bytes) {
        match &self.spill {
            Some(_) => self.at -= rest.len() as u64,
            None => self.pieces.push_front(rest),
        }
    }
}
