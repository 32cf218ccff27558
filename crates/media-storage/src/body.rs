//! Bodies: bytes that are whole or come as a stream, as they are or in base64.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::stream::{BoxStream, Stream};
use media_types::{Sha256, base64};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;

/// How many decoded bytes a base64 body yields at a time.
const PIECE: usize = 48 * 1024;

/// The bytes of media on their way into a store or out of it.
///
/// Whole or a stream, as they are or in base64. Whoever buffers one names a limit. `Send`, not
/// `Sync`; `Debug` prints the form and the length.
///
/// ```
/// # use media_storage::{MediaBody, StorageError};
/// # async fn run() -> Result<(), StorageError> {
/// let body = MediaBody::from_base64("aGVsbG8=".into());
/// assert_eq!(body.len(), Some(5));
/// assert_eq!(body.bytes(1024).await?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct MediaBody {
    data: BodyData,
    progress: Option<Progress>,
}

type Progress = Box<dyn FnMut(u64) + Send>;

/// A stream of decoded bytes.
pub type ByteStream = BoxStream<'static, Result<Bytes, StorageError>>;

/// What a body is made of, for stores that treat the forms differently.
#[non_exhaustive]
pub enum BodyData {
    /// All bytes.
    Bytes(Bytes),
    /// All bytes, as base64 text that has not been checked yet.
    Base64(Bytes),
    /// Bytes to come, with their number where it is known.
    Stream {
        /// How many bytes will come, by the word of the sender. [`BodyData::Stream`] made by
        /// [`MediaBody`] fails when the number turns out to be wrong.
        len: Option<u64>,
        /// The bytes.
        stream: ByteStream,
    },
}

impl fmt::Debug for BodyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Base64(text) => write!(f, "Base64({} characters)", text.len()),
            Self::Stream { len: Some(len), .. } => write!(f, "Stream({len} bytes)"),
            Self::Stream { len: None, .. } => f.write_str("Stream"),
        }
    }
}

impl MediaBody {
    /// A body of these bytes.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(BodyData::Bytes(bytes.into()))
    }

    /// A body in base64: standard alphabet, line breaks and missing padding accepted, no `data:`
    /// URI. It is decoded piece by piece when it is read; text that does not decode is
    /// `InvalidInput` then.
    pub fn from_base64(text: Bytes) -> Self {
        Self::of(BodyData::Base64(text))
    }

    /// A body that arrives as a stream. Where `len` is given, a stream that ends earlier or goes
    /// on longer is `InvalidInput`.
    pub fn from_stream<S>(len: Option<u64>, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, StorageError>> + Send + 'static,
    {
        let stream: ByteStream = match len {
            Some(len) => Box::pin(LengthChecked {
                stream: Some(Box::pin(stream)),
                declared: len,
                seen: 0,
            }),
            None => Box::pin(stream),
        };
        Self::of(BodyData::Stream { len, stream })
    }

    /// A body that arrives as a stream of base64 text, cut anywhere.
    pub fn from_base64_stream<S>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, StorageError>> + Send + 'static,
    {
        let decoded = Base64Stream {
            text: Some(Box::pin(stream)),
            decoder: base64::Decoder::new(),
        };
        Self::of(BodyData::Stream {
            len: None,
            stream: Box::pin(decoded),
        })
    }

    /// A body that is checked while it is read: after the last byte its number and hash must be
    /// these, else the last item is `Corrupted`. For stores that read media back.
    pub fn from_stored_stream<S>(len: u64, sha256: Option<Sha256>, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, StorageError>> + Send + 'static,
    {
        let stream = Verified {
            stream: Some(Box::pin(stream)),
            hasher: sha256.map(|_| Sha256Hasher::new()),
            seen: 0,
            len,
            sha256,
        };
        Self::of(BodyData::Stream {
            len: Some(len),
            stream: Box::pin(stream),
        })
    }

    fn of(data: BodyData) -> Self {
        Self {
            data,
            progress: None,
        }
    }

    /// How many bytes this is once decoded, where that is known. For base64 text it holds if the
    /// text is valid.
    pub fn len(&self) -> Option<u64> {
        match &self.data {
            BodyData::Bytes(bytes) => Some(bytes.len() as u64),
            BodyData::Base64(text) => Some(base64::decoded_len(text)),
            BodyData::Stream { len, .. } => *len,
        }
    }

    /// Whether it is known to hold no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Calls `report` with the number of bytes read so far, each time some were read. Default:
    /// nobody is told.
    #[must_use]
    pub fn inspect_progress(mut self, report: impl FnMut(u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// `TooLarge` above `limit` bytes; `InvalidInput` for bad base64; whatever the stream reports,
    /// `Corrupted` from a store included.
    pub async fn bytes(self, limit: u64) -> Result<Bytes, StorageError> {
        let known = self.len();
        if known.is_some_and(|len| len > limit) {
            return Err(too_large(known, limit));
        }
        let data = match (self.data, self.progress) {
            (BodyData::Bytes(bytes), None) => return Ok(bytes),
            (BodyData::Base64(text), None) => {
                let decoded = base64::decode(&text).map_err(bad_base64)?;
                return Ok(decoded.into());
            }
            (data, progress) => Self { data, progress },
        };
        // A declared length is a hint; nothing is allocated on its word.
        let room = known.unwrap_or(0).min(limit).min(1 << 20);
        let mut stream = data.into_stream();
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        while let Some(piece) = next(&mut stream).await {
            let piece = piece?;
            let len = (first.as_ref().map_or(0, Bytes::len) + all.len() + piece.len()) as u64;
            if len > limit {
                return Err(too_large(None, limit));
            }
            match first.take() {
                None if all.is_empty() => first = Some(piece),
                held => {
                    if let Some(held) = held {
                        all.reserve(usize::try_from(room).unwrap_or(0).max(held.len()));
                        all.extend_from_slice(&held);
                    }
                    all.extend_from_slice(&piece);
                }
            }
        }
        Ok(first.unwrap_or_else(|| all.freeze()))
    }

    /// Reads as a stream of decoded bytes.
    pub fn into_stream(self) -> ByteStream {
        let stream: ByteStream = match self.data {
            BodyData::Bytes(bytes) => Box::pin(Once(Some(bytes).filter(|b| !b.is_empty()))),
            BodyData::Base64(text) => Box::pin(Base64Stream {
                text: Some(Box::pin(Pieces(text))),
                decoder: base64::Decoder::new(),
            }),
            BodyData::Stream { stream, .. } => stream,
        };
        match self.progress {
            Some(report) => Box::pin(Reported {
                stream,
                report,
                seen: 0,
            }),
            None => stream,
        }
    }

    /// Takes the body apart, for stores that treat its forms differently. A body that reports its
    /// progress always comes as a stream.
    pub fn into_data(self) -> BodyData {
        if self.progress.is_none() {
            return self.data;
        }
        let len = self.len();
        BodyData::Stream {
            len,
            stream: self.into_stream(),
        }
    }
}

impl fmt::Debug for MediaBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MediaBody").field(&self.data).finish()
    }
}

impl From<Bytes> for MediaBody {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<Vec<u8>> for MediaBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

/// The next item of a stream of bytes.
pub async fn next(stream: &mut ByteStream) -> Option<Result<Bytes, StorageError>> {
    poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}

fn too_large(size: Option<u64>, limit: u64) -> StorageError {
    let reason = match size {
        Some(size) => format!("{size} bytes where {limit} are allowed"),
        None => format!("more than the {limit} bytes that are allowed"),
    };
    StorageError::new(StorageErrorKind::TooLarge, Operation::Retrieve).with_reason(reason)
}

fn bad_base64(error: media_types::Base64Error) -> StorageError {
    StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
        .with_reason("the body is not base64")
        .with_source(error)
}

type Item = Result<Bytes, StorageError>;

struct Once(Option<Bytes>);

impl Stream for Once {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// Whole text, cut so that a piece of it decodes to [`PIECE`] bytes.
struct Pieces(Bytes);

impl Stream for Pieces {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let at = self.0.len().min(PIECE / 3 * 4);
        Poll::Ready(Some(Ok(self.0.split_to(at))))
    }
}

struct Base64Stream {
    text: Option<ByteStream>,
    decoder: base64::Decoder,
}

impl Stream for Base64Stream {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        loop {
            let Some(text) = this.text.as_mut() else {
                return Poll::Ready(None);
            };
            let mut out = Vec::new();
            let decoded = match std::task::ready!(text.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => this.decoder.push(&piece, &mut out),
                Some(Err(error)) => {
                    this.text = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.text = None;
                    std::mem::take(&mut this.decoder).finish(&mut out)
                }
            };
            if let Err(error) = decoded {
                this.text = None;
                return Poll::Ready(Some(Err(bad_base64(error))));
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(out.into())));
            }
        }
    }
}

struct Reported {
    stream: ByteStream,
    report: Progress,
    seen: u64,
}

impl Stream for Reported {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        let item = std::task::ready!(this.stream.as_mut().poll_next(cx));
        if let Some(Ok(piece)) = &item {
            this.seen += piece.len() as u64;
            (this.report)(this.seen);
        }
        Poll::Ready(item)
    }
}

/// Holds a sender to the length that it declared.
struct LengthChecked {
    stream: Option<ByteStream>,
    declared: u64,
    seen: u64,
}

impl Stream for LengthChecked {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let item = std::task::ready!(stream.as_mut().poll_next(cx));
        match &item {
            Some(Ok(piece)) => this.seen += piece.len() as u64,
            Some(Err(_)) => this.stream = None,
            None => this.stream = None,
        }
        let ended = this.stream.is_none() && !matches!(item, Some(Err(_)));
        if this.seen > this.declared || ended && this.seen < this.declared {
            this.stream = None;
            let reason = if ended {
                format!(
                    "the stream ended after {} of {} bytes",
                    this.seen, this.declared
                )
            } else {
                format!("the stream goes on after its {} bytes", this.declared)
            };
            return Poll::Ready(Some(Err(StorageError::new(
                StorageErrorKind::InvalidInput,
                Operation::Store,
            )
            .with_reason(reason))));
        }
        Poll::Ready(item)
    }
}

/// Holds a store to what it stored.
struct Verified {
    stream: Option<ByteStream>,
    hasher: Option<Sha256Hasher>,
    seen: u64,
    len: u64,
    sha256: Option<Sha256>,
}

impl Stream for Verified {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let corrupted = |reason: &'static str| {
            Poll::Ready(Some(Err(StorageError::new(
                StorageErrorKind::Corrupted,
                Operation::Retrieve,
            )
            .with_reason(reason))))
        };
        match std::task::ready!(stream.as_mut().poll_next(cx)) {
            Some(Ok(piece)) => {
                if let Some(hasher) = &mut this.hasher {
                    hasher.update(&piece);
                }
                this.seen += piece.len() as u64;
                if this.seen > this.len {
                    this.stream = None;
                    return corrupted("longer than it was");
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Some(Err(error)) => {
                this.stream = None;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                this.stream = None;
                if this.seen < this.len {
                    return corrupted("shorter than it was");
                }
                let found = this.hasher.take().map(Sha256Hasher::finish);
                if found.is_some() && found != this.sha256 {
                    return corrupted("the bytes are not those of its hash");
                }
                Poll::Ready(None)
            }
        }
    }
}
