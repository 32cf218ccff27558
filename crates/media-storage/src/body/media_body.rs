//! [`MediaBody`].

use std::fmt;
use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use futures_core::stream::Stream;
use media_types::{Sha256, base64};

use super::streams::{
    Base64Stream, ByteStream, LengthChecked, Once, Pieces, Progress, Reported, Verified,
    invalid_base64,
};
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;

/// The bytes of a media item that is stored or retrieved: in memory or from a stream, plain or in
/// base64.
///
/// Reading a body into memory requires a limit. Bodies are `Send` but not `Sync`. `Debug` prints the
/// form and the length.
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

/// The content of a body, for stores that treat its forms differently.
#[non_exhaustive]
pub enum BodyData {
    /// All bytes, in memory.
    Bytes(Bytes),
    /// All bytes, as base64 text that was not validated.
    Base64(Bytes),
    /// A stream of bytes.
    Stream {
        /// Number of bytes, as declared by the sender. A stream that [`MediaBody`] created fails if
        /// the number is wrong.
        len: Option<u64>,
        /// The stream.
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
    /// Creates a body of bytes in memory.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(BodyData::Bytes(bytes.into()))
    }

    /// Creates a body of base64 text: standard alphabet, with or without line breaks and padding, and
    /// not a `data:` URI. The text is decoded in pieces when it is read; invalid text fails with
    /// `InvalidInput` then.
    pub fn from_base64(text: Bytes) -> Self {
        Self::of(BodyData::Base64(text))
    }

    /// Creates a body that is read from a stream. If `len` is given, a shorter or longer stream fails
    /// with `InvalidInput`.
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

    /// Creates a body that is read from a stream of base64 text, in pieces of any size.
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

    /// Creates a body that is verified while it is read, for stores that read media back. If length or
    /// hash differ, the last item is `Corrupted`. The last bytes are yielded only after they were compared.
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
            last: None,
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

    /// Returns the number of decoded bytes if it is known. For base64 text it assumes that the text
    /// is valid.
    pub fn len(&self) -> Option<u64> {
        match &self.data {
            BodyData::Bytes(bytes) => Some(bytes.len() as u64),
            BodyData::Base64(text) => Some(base64::decoded_len(text)),
            BodyData::Stream { len, .. } => *len,
        }
    }

    /// Whether the body is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Calls `report` with the number of bytes read so far, each time bytes were read. Defaults to no
    /// report.
    #[must_use]
    pub fn inspect_progress(mut self, report: impl FnMut(u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Reads the whole body into memory.
    ///
    /// # Errors
    /// `TooLarge` above `limit` bytes, `InvalidInput` for invalid base64, and any error of the stream,
    /// such as `Corrupted` from a store.
    pub async fn bytes(self, limit: u64) -> Result<Bytes, StorageError> {
        let known = self.len();
        if known.is_some_and(|len| len > limit) {
            return Err(too_large(known, limit));
        }
        let data = match (self.data, self.progress) {
            (BodyData::Bytes(bytes), None) => return Ok(bytes),
            (BodyData::Base64(text), None) => {
                let decoded = base64::decode(&text).map_err(invalid_base64)?;
                return Ok(decoded.into());
            }
            (data, progress) => Self { data, progress },
        };
        // A declared length may be wrong, so little is allocated because of it.
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

    /// Returns the body as a stream of decoded bytes.
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

    /// Returns the content of the body, for stores that treat its forms differently. A body that
    /// reports its progress is always a stream.
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

/// Returns the next item of a stream of bytes.
pub async fn next(stream: &mut ByteStream) -> Option<Result<Bytes, StorageError>> {
    poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}

fn too_large(size: Option<u64>, limit: u64) -> StorageError {
    let reason = match size {
        Some(size) => format!("{size} bytes exceed the limit of {limit} bytes"),
        None => format!("the media exceeds the limit of {limit} bytes"),
    };
    StorageError::new(StorageErrorKind::TooLarge, Operation::Retrieve).with_reason(reason)
}
