//! Media as base64 text that is made while it is read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use media_storage::{ByteStream, StorageError};
use media_types::{Mime, base64};

use crate::error::{LoadError, LoadErrorKind};

/// How many bytes become one piece of text; divisible by 3, so that no piece but the last is
/// padded.
const PIECE: usize = 48 * 1024;

/// The base64 text of media as a stream, its length known in advance.
///
/// Pieces hold at most 64 KiB of ASCII text; memory does not depend on the size of the media. The
/// stream yields exactly [`len`](Self::len) bytes, or ends with an error: stored media that turns
/// out to be damaged is told by the last item, so a request that carries the text must be aborted
/// then. Dropping it at any time is safe.
pub struct Base64Text {
    mime: Mime,
    len: u64,
    left: u64,
    source: Option<ByteStream>,
    piece: Bytes,
    encoder: base64::Encoder,
    on_error: OnError,
}

/// Says what an error in the body of one source means.
pub(crate) type OnError = Box<dyn Fn(StorageError) -> LoadError + Send + Sync>;

impl Base64Text {
    pub(crate) fn new(mime: Mime, size: u64, body: ByteStream, on_error: OnError) -> Self {
        let len = base64::encoded_len(size);
        Self {
            mime,
            len,
            left: len,
            source: Some(body),
            piece: Bytes::new(),
            encoder: base64::Encoder::new(),
            on_error,
        }
    }

    /// The type of the media.
    pub fn mime(&self) -> &Mime {
        &self.mime
    }

    /// How many bytes of text the whole stream yields.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the media, and so the text, is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for Base64Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base64Text")
            .field("mime", &self.mime)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Stream for Base64Text {
    type Item = Result<Bytes, LoadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let mut text = Vec::new();
            if this.piece.is_empty() {
                let Some(source) = this.source.as_mut() else {
                    return Poll::Ready(None);
                };
                match ready!(source.as_mut().poll_next(cx)) {
                    Some(Ok(piece)) => {
                        this.piece = piece;
                        continue;
                    }
                    Some(Err(error)) => {
                        this.source = None;
                        return Poll::Ready(Some(Err((this.on_error)(error))));
                    }
                    None => {
                        this.source = None;
                        std::mem::take(&mut this.encoder).finish(&mut text);
                    }
                }
            } else {
                let at = this.piece.len().min(PIECE);
                text.reserve_exact(at.div_ceil(3) * 4 + 4);
                this.encoder.push(&this.piece.split_to(at), &mut text);
            }
            let made = text.len() as u64;
            let ended = this.source.is_none();
            if made > this.left || ended && made < this.left {
                // Only a store that breaks its own word on the size comes here.
                this.source = None;
                this.piece = Bytes::new();
                let kind = LoadErrorKind::Storage(media_storage::StorageErrorKind::Corrupted);
                return Poll::Ready(Some(Err(LoadError::new(kind))));
            }
            this.left -= made;
            if !text.is_empty() {
                return Poll::Ready(Some(Ok(text.into())));
            }
            if ended {
                return Poll::Ready(None);
            }
        }
    }
}
