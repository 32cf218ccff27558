//! One object: its pieces and metadata, and reading it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures_core::Stream;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::staging::{Data, Piece};

const READ_AT_ONCE: usize = 256 * 1024;

/// The headers that a client stores with an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pieces: Vec<Piece>,
    pub(crate) e_tag: String,
    pub(crate) generation: u64,
    pub(crate) size: u64,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) attributes: Attributes,
}

impl Object {
    pub(super) fn new(
        pieces: Vec<Piece>,
        e_tag: String,
        generation: u64,
        attributes: Attributes,
    ) -> Self {
        Self {
            size: pieces.iter().map(Piece::len).sum(),
            pieces,
            e_tag,
            generation,
            modified: Utc::now(),
            attributes,
        }
    }

    /// Returns the object as if it had been written earlier.
    pub(super) fn aged(&self, by: TimeDelta) -> Self {
        Self {
            modified: self.modified - by,
            ..self.clone()
        }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns the bytes of a range, which must be inside the object. They remain readable if the
    /// object is replaced or removed.
    pub(crate) fn read(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        let mut start = 0;
        let mut parts = Vec::new();
        for piece in &self.pieces {
            let end = start + piece.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                parts.push((piece.clone(), from - start..to - start));
            }
            start = end;
        }
        stream::iter(parts)
            .map(|(piece, range)| read_piece(piece, range))
            .flatten()
    }
}

fn read_piece(
    piece: Piece,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    stream::once(async move {
        match piece.data() {
            Data::Memory(bytes) => {
                let at = |n| usize::try_from(n).map_err(io::Error::other);
                let bytes = bytes.slice(at(range.start)?..at(range.end)?);
                Ok::<_, io::Error>(stream::once(async { Ok(bytes) }).left_stream())
            }
            Data::File(file) => {
                let mut opened = tokio::fs::File::open(file.path()).await?;
                opened.seek(SeekFrom::Start(range.start)).await?;
                let limited = opened.take(range.end - range.start);
                // The piece keeps its file while it is read.
                let chunks = stream::try_unfold((limited, piece), |(mut file, piece)| async {
                    let mut chunk = BytesMut::with_capacity(READ_AT_ONCE);
                    let read = file.read_buf(&mut chunk).await?;
                    Ok((read > 0).then(|| (chunk.freeze(), (file, piece))))
                });
                Ok(chunks.right_stream())
            }
        }
    })
    .try_flatten()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
