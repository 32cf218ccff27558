//! Media as base64 text that is encoded while it is read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use media_storage::{ByteStream, StorageError, StorageErrorKind};
use media_types::{Mime, base64};

use crate::error::{LoadError, LoadErrorKind};

/// Number of bytes that are encoded into one piece of text. Divisible by 3, so that only the last piece
/// is padded.
const PIECE: usize = 48 * 1024;

/// A stream of the base64 text of media, of known length.
///
/// Pieces have at most 64 KiB of ASCII text, so memory does not depend on the size of the media. The
/// stream yields exactly [`len`](Self::len) bytes, or ends with an error: damaged media is reported by
/// the last item, and a request that contains the text must be aborted then. The stream may be dropped at
/// any time.
pub struct Base64Text {
    mime: Mime,
    size: u64,
    len: u64,
    left: u64,
    source: Option<ByteStream>,
    piece: Bytes,
    encoder: base64::Encoder,
    on_error: OnError,
}

/// Converts an error of the body, depending on its source.
pub(crate) type OnError = Box<dyn Fn(StorageError) -> LoadError + Send + Sync>;

impl Base64Text {
    pub(crate) fn new(mime: Mime, size: u64, body: ByteStream, on_error: OnError) -> Self {
        let len = base64::encoded_len(size);
        Self {
            mime,
            size,
            len,
            left: len,
            source: Some(body),
            piece: Bytes::new(),
            encoder: base64::Encoder::new(),
            on_error,
        }
    }

    /// Reads everything and appends it to `start`, encoding directly into one buffer of exactly the needed
    /// size.
    pub(crate) async fn append_to(self, start: &str) -> Result<String, LoadError> {
        let Self {
            len,
            source,
            mut encoder,
            on_error,
            ..
        } = self;
        let total = usize::try_from(len).ok();
        let total = total.and_then(|len| start.len().checked_add(len));
        let total = total.ok_or_else(broken_size)?;
        let mut all = Vec::new();
        all.reserve_exact(total);
        all.extend_from_slice(start.as_bytes());
        if let Some(mut source) = source {
            while let Some(piece) = source.next().await {
                let piece = piece.map_err(&on_error)?;
                if piece.len() / 3 * 4 > total.saturating_sub(all.len()) {
                    return Err(broken_size());
                }
                encoder.push(&piece, &mut all);
            }
        }
        encoder.finish(&mut all);
        if all.len() != total {
            return Err(broken_size());
        }
        // The text is ASCII, so this cannot fail.
        String::from_utf8(all).map_err(|error| broken_size().with_source(error))
    }

    /// Returns the MIME type of the media.
    pub fn mime(&self) -> &Mime {
        &self.mime
    }

    /// Returns the size of the media in bytes, before it is encoded.
    pub fn media_size(&self) -> u64 {
        self.size
    }

    /// Returns the number of bytes of the whole text.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the media, and therefore the text, is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Returns the error for a store that yields another number of bytes than it declared.
fn broken_size() -> LoadError {
    LoadError::new(LoadErrorKind::Storage(StorageErrorKind::Corrupted))
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
                this.source = None;
                this.piece = Bytes::new();
                return Poll::Ready(Some(Err(broken_size())));
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
