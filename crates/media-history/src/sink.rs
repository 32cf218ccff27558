//! The writer at the end, and text that is kept in other forms.

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::{Hold, Respell};
use crate::scan::respell::Respelling;
use crate::style::SPELLED_AT_A_TIME;

/// A writer whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Sink<W> {
    writer: W,
    written: u64,
}

impl<W: AsyncWrite + Unpin + Send> Sink<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, written: 0 }
    }

    /// How many bytes were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) async fn flush(&mut self) -> Result<(), HistoryError> {
        self.writer.flush().await.map_err(write_failed)
    }

    /// Writes decoded bytes as they were spelled.
    pub(crate) async fn write_respelled(&mut self, respell: Respell) -> Result<(), HistoryError> {
        let Respell {
            mut respelling,
            spill,
        } = respell;
        let (mut at, mut out) = (0, Vec::new());
        while let Some(spill) = spill.as_ref().filter(|spill| at < spill.len()) {
            let piece = spill.read(at).await?;
            at += piece.len() as u64;
            self.write_spelled(&mut respelling, &piece, &mut out)
                .await?;
        }
        let last = std::mem::take(&mut respelling.decoded);
        self.write_spelled(&mut respelling, &last, &mut out).await?;
        out.clear();
        respelling.finish(&mut out);
        self.write(&out).await
    }

    async fn write_spelled(
        &mut self,
        respelling: &mut Respelling,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), HistoryError> {
        for part in bytes.chunks(SPELLED_AT_A_TIME) {
            out.clear();
            respelling.push(part, out);
            self.write(out).await?;
        }
        Ok(())
    }

    /// Writes text that may be in a file.
    pub(crate) async fn write_held(&mut self, hold: Hold) -> Result<(), HistoryError> {
        let mut at = 0;
        if let Some(spill) = &hold.spill {
            while at < spill.len() {
                let piece = spill.read(at).await?;
                at += piece.len() as u64;
                self.write(&piece).await?;
            }
        }
        self.write(&hold.raw).await
    }

    pub(crate) async fn write(&mut self, text: &[u8]) -> Result<(), HistoryError> {
        self.written += text.len() as u64;
        self.writer.write_all(text).await.map_err(write_failed)
    }
}

pub(crate) fn write_failed(error: std::io::Error) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Write, HistoryOperation::Externalize).with_source(error)
}
