//! Bodies that can be read a second time: the hash must be known before the key of the file is.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use media_storage::{
    BodyData, ByteStream, MediaBody, Operation, Sha256Hasher, StorageError, StorageErrorKind, next,
};

use crate::failure::too_large;
use crate::header::Content;
use crate::spool::SpoolWriter;

/// Number of bytes of a stream that are kept in memory. Larger ones are spooled.
const MAX_IN_MEMORY: usize = 1024 * 1024;

/// Number of bytes that are hashed on the runtime's own threads.
const MAX_INLINE_HASH: usize = 256 * 1024;

/// A body whose content is known, so that it can be encrypted.
pub(crate) struct Prepared {
    pub(crate) content: Content,
    pub(crate) stream: ByteStream,
}

/// Reads a body to its end and hashes it.
///
/// An expected hash never takes the place of the hash of the bytes: the key of the file follows from it, and two
/// contents under one key would be encrypted with the same nonces.
pub(crate) async fn prepare(
    body: MediaBody,
    limit: u64,
    spool_directory: Option<&Path>,
) -> Result<Prepared, StorageError> {
    if body.len().is_some_and(|len| len > limit) {
        return Err(too_large(limit));
    }
    match body.into_data() {
        BodyData::Bytes(bytes) => {
            let content = hash_bytes(&bytes).await;
            Ok(Prepared::read(content, MediaBody::from_bytes(bytes)))
        }
        BodyData::Base64(text) => {
            let first = MediaBody::from_base64(text.clone()).into_stream();
            let content = hash_stream(first).await?;
            Ok(Prepared::read(content, MediaBody::from_base64(text)))
        }
        BodyData::Stream { stream, .. } => spool(stream, limit, spool_directory).await,
        _ => Err(unknown_form()),
    }
}

fn unknown_form() -> StorageError {
    StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
        .with_reason("bodies of this form cannot be encrypted")
}

impl Prepared {
    fn read(content: Content, body: MediaBody) -> Self {
        Self {
            content,
            stream: body.into_stream(),
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
    Ok(Prepared { content, stream })
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
