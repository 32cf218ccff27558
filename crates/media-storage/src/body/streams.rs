//! The streams that bodies are read from.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::stream::{BoxStream, Stream};
use media_types::{Base64Error, Sha256, base64};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;

/// Number of decoded bytes that a base64 body yields at a time.
const PIECE: usize = 48 * 1024;

/// A stream of decoded bytes.
pub type ByteStream = BoxStream<'static, Result<Bytes, StorageError>>;

/// A function that is called with the number of bytes read so far.
pub(super) type Progress = Box<dyn FnMut(u64) + Send>;

/// Returns the error for a body that is not valid base64.
pub fn invalid_base64(error: Base64Error) -> StorageError {
    StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
        .with_reason("the body is not valid base64")
        .with_source(error)
}

type Item = Result<Bytes, StorageError>;

pub(super) struct Once(pub(super) Option<Bytes>);

impl Stream for Once {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// A stream of whole text, in pieces that decode to [`PIECE`] bytes.
pub(super) struct Pieces(pub(super) Bytes);

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

pub(super) struct Base64Stream {
    pub(super) text: Option<ByteStream>,
    pub(super) decoder: base64::Decoder,
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
                return Poll::Ready(Some(Err(invalid_base64(error))));
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(out.into())));
            }
        }
    }
}

pub(super) struct Reported {
    pub(super) stream: ByteStream,
    pub(super) report: Progress,
    pub(super) seen: u64,
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

/// A stream that fails unless it has the declared length.
pub(super) struct LengthChecked {
    pub(super) stream: Option<ByteStream>,
    pub(super) declared: u64,
    pub(super) seen: u64,
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
                format!("the stream is longer than its {} bytes", this.declared)
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

/// A stream that fails unless it has the length and the hash of what was stored.
///
/// Its last bytes are held back until the hash was compared, so that a reader that stops at the length of
/// the media learns of damage too.
pub(super) struct Verified {
    pub(super) stream: Option<ByteStream>,
    pub(super) hasher: Option<Sha256Hasher>,
    pub(super) seen: u64,
    pub(super) len: u64,
    pub(super) sha256: Option<Sha256>,
    pub(super) last: Option<Bytes>,
}

impl Verified {
    fn end(&mut self) -> Option<Item> {
        if self.seen < self.len {
            return corrupted("the stored bytes are shorter than the media");
        }
        let found = self.hasher.take().map(Sha256Hasher::finish);
        if found.is_some() && found != self.sha256 {
            return corrupted("the stored bytes do not match the SHA-256 of the media");
        }
        self.last.take().map(Ok)
    }
}

impl Stream for Verified {
    type Item = Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        loop {
            let Some(stream) = this.stream.as_mut() else {
                return Poll::Ready(None);
            };
            let piece = match std::task::ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    this.stream = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.stream = None;
                    return Poll::Ready(this.end());
                }
            };
            if let Some(hasher) = &mut this.hasher {
                hasher.update(&piece);
            }
            this.seen += piece.len() as u64;
            if this.seen > this.len {
                this.stream = None;
                return Poll::Ready(corrupted("the stored bytes are longer than the media"));
            }
            if this.seen < this.len {
                return Poll::Ready(Some(Ok(piece)));
            }
            if !piece.is_empty() {
                this.last = Some(piece);
            }
        }
    }
}

fn corrupted(reason: &'static str) -> Option<Item> {
    Some(Err(StorageError::new(
        StorageErrorKind::Corrupted,
        Operation::Retrieve,
    )
    .with_reason(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::MediaBody;
    use futures_util::stream::{self, StreamExt as _};

    type Pieces = &'static [Result<&'static str, StorageErrorKind>];

    /// Reads a body of stored pieces. Returns what it yields, and the kind of the error it ends with.
    async fn read(
        len: u64,
        hash_of: Option<&str>,
        pieces: Pieces,
    ) -> (Vec<String>, Option<StorageErrorKind>) {
        let sha256 = hash_of.map(|text| Sha256Hasher::digest(text.as_bytes()));
        let stored = stream::iter(pieces.iter().map(|piece| match piece {
            Ok(piece) => Ok(Bytes::from_static(piece.as_bytes())),
            Err(kind) => Err(StorageError::new(*kind, Operation::Retrieve)),
        }));
        let body = MediaBody::from_stored_stream(len, sha256, stored);
        let mut stream = body.into_stream();
        let (mut yielded, mut error) = (Vec::new(), None);
        while let Some(item) = stream.next().await {
            assert!(error.is_none(), "an error is the last item");
            match item {
                Ok(piece) => yielded.push(String::from_utf8(piece.to_vec()).unwrap()),
                Err(failed) => error = Some(failed.kind()),
            }
        }
        // A stream that has ended stays so.
        assert!(stream.next().await.is_none());
        (yielded, error)
    }

    /// A name, the length and the hashed text that were stored, the pieces, what is yielded, and the error.
    type Row = (
        &'static str,
        u64,
        Option<&'static str>,
        Pieces,
        &'static [&'static str],
        Option<StorageErrorKind>,
    );

    #[tokio::test]
    async fn stored_bytes_are_compared_at_every_edge() {
        use StorageErrorKind::{Corrupted, Unavailable};
        let rows: &[Row] = &[
            ("nothing", 0, Some(""), &[], &[], None),
            ("an empty piece", 0, Some(""), &[Ok("")], &[], None),
            (
                "nothing, another hash",
                0,
                Some("a"),
                &[],
                &[],
                Some(Corrupted),
            ),
            (
                "nothing, one byte",
                0,
                Some(""),
                &[Ok("a")],
                &[],
                Some(Corrupted),
            ),
            ("one piece", 2, Some("ab"), &[Ok("ab")], &["ab"], None),
            (
                "one piece, another hash",
                2,
                Some("ax"),
                &[Ok("ab")],
                &[],
                Some(Corrupted),
            ),
            (
                "pieces",
                3,
                Some("abc"),
                &[Ok("a"), Ok("b"), Ok("c")],
                &["a", "b", "c"],
                None,
            ),
            (
                "an empty piece last",
                2,
                Some("ab"),
                &[Ok("ab"), Ok("")],
                &["ab"],
                None,
            ),
            (
                "an empty piece first",
                2,
                Some("ab"),
                &[Ok(""), Ok("ab")],
                &["", "ab"],
                None,
            ),
            (
                "another hash",
                2,
                Some("ax"),
                &[Ok("a"), Ok("b")],
                &["a"],
                Some(Corrupted),
            ),
            ("no bytes", 2, Some("ab"), &[], &[], Some(Corrupted)),
            (
                "one byte missing",
                3,
                Some("abc"),
                &[Ok("ab")],
                &["ab"],
                Some(Corrupted),
            ),
            (
                "one too many",
                2,
                Some("ab"),
                &[Ok("abc")],
                &[],
                Some(Corrupted),
            ),
            (
                "one too many, later",
                2,
                Some("ab"),
                &[Ok("ab"), Ok("c")],
                &[],
                Some(Corrupted),
            ),
            (
                "an error first",
                2,
                Some("ab"),
                &[Err(Unavailable)],
                &[],
                Some(Unavailable),
            ),
            (
                "an error while the last piece is held",
                2,
                Some("ab"),
                &[Ok("a"), Ok("b"), Err(Unavailable), Ok("c")],
                &["a"],
                Some(Unavailable),
            ),
            (
                "a range has no hash",
                2,
                None,
                &[Ok("b"), Ok("c")],
                &["b", "c"],
                None,
            ),
            (
                "a short range",
                3,
                None,
                &[Ok("bc")],
                &["bc"],
                Some(Corrupted),
            ),
            (
                "a long range",
                2,
                None,
                &[Ok("b"), Ok("cd")],
                &["b"],
                Some(Corrupted),
            ),
        ];
        for (name, len, hash_of, pieces, expected, error) in rows {
            let (yielded, ended) = read(*len, *hash_of, pieces).await;
            assert_eq!(yielded, *expected, "{name}");
            assert_eq!(ended, *error, "{name}");
        }
    }
}
