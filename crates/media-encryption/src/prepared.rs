//! Bodies that can be read a second time: the hash must be known before the key of the file is.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use media_storage::{BodyData, ByteStream, MediaBody, Sha256Hasher, StorageError, next};
use media_types::Sha256;

use crate::failure::too_large;
use crate::header::Content;
use crate::spool::SpoolWriter;

/// Number of bytes of a stream that are kept in memory. Larger ones are spooled.
const MAX_IN_MEMORY: usize = 1024 * 1024;

/// Number of bytes that are hashed on the runtime's own threads.
const MAX_INLINE_HASH: usize = 256 * 1024;

/// A body whose content is known or expected.
pub(crate) struct Prepared {
    pub(crate) content: Content,
    pub(crate) stream: ByteStream,
    /// Whether the content is what the caller expects, so that it must be checked while it is read.
    pub(crate) unchecked: bool,
}

/// Reads a body to its end, unless the caller says which hash and size it must have.
pub(crate) async fn prepare(
    body: MediaBody,
    expected: Option<Sha256>,
    limit: u64,
    spool_directory: Option<&Path>,
) -> Result<Prepared, StorageError> {
    if body.len().is_some_and(|len| len > limit) {
        return Err(too_large(limit));
    }
    match (body.into_data(), expected) {
        (BodyData::Bytes(bytes), _) => {
            let content = hash_bytes(&bytes).await;
            Ok(Prepared::read(content, MediaBody::from_bytes(bytes)))
        }
        (BodyData::Base64(text), _) => {
            let first = MediaBody::from_base64(text.clone()).into_stream();
            let content = hash_stream(first).await?;
            Ok(Prepared::read(content, MediaBody::from_base64(text)))
        }
        (
            BodyData::Stream {
                len: Some(len),
                stream,
            },
            Some(sha256),
        ) => Ok(Prepared {
            content: Content { sha256, len },
            stream,
            unchecked: true,
        }),
        (data, _) => {
            let BodyData::Stream { stream, .. } = data else {
                return Err(too_large(limit));
            };
            spool(stream, limit, spool_directory).await
        }
    }
}

impl Prepared {
    fn read(content: Content, body: MediaBody) -> Self {
        Self {
            content,
            stream: body.into_stream(),
            unchecked: false,
        }
    }
}

/// Reads a stream into memory, or into a spool if it is long.
async fn spool(
    mut stream: ByteStream,
    limit: u64,
    directory: Option<&Path>,
) -> Result<Prepared, StorageError> {
    let mut hasher = Sha256Hasher::new();
    let mut held = BytesMut::new();
    let mut spool: Option<SpoolWriter> = None;
    while let Some(piece) = next(&mut stream).await {
        let piece = piece?;
        hasher.update(&piece);
        if hasher.len() > limit {
            return Err(too_large(limit));
        }
        match &mut spool {
            Some(spool) => spool.write(&piece).await?,
            None if held.len() + piece.len() <= MAX_IN_MEMORY => held.extend_from_slice(&piece),
            None => {
                let mut writer = SpoolWriter::create(directory.map(Path::to_owned)).await?;
                writer.write(&std::mem::take(&mut held)).await?;
                writer.write(&piece).await?;
                spool = Some(writer);
            }
        }
    }
    let len = hasher.len();
    let content = Content {
        sha256: hasher.finish(),
        len,
    };
    let stream = match spool {
        Some(spool) => spool.finish(len).await?.into_stream(),
        None => MediaBody::from_bytes(held.freeze()).into_stream(),
    };
    Ok(Prepared {
        content,
        stream,
        unchecked: false,
    })
}

async fn hash_bytes(bytes: &Bytes) -> Content {
    let len = bytes.len() as u64;
    let sha256 = if bytes.len() <= MAX_INLINE_HASH {
        Sha256Hasher::digest(bytes)
    } else {
        let shared = bytes.clone();
        let hashing = tokio::task::spawn_blocking(move || Sha256Hasher::digest(&shared));
        match hashing.await {
            Ok(sha256) => sha256,
            // The runtime is shutting down; this task ends at its next await.
            Err(_) => Sha256Hasher::digest(bytes),
        }
    };
    Content { sha256, len }
}

async fn hash_stream(mut stream: ByteStream) -> Result<Content, StorageError> {
    let mut hasher = Sha256Hasher::new();
    while let Some(piece) = next(&mut stream).await {
        hasher.update(&piece?);
        tokio::task::consume_budget().await;
    }
    let len = hasher.len();
    let sha256 = hasher.finish();
    Ok(Content { sha256, len })
}
