//! The description of a store: which protocol it uses, and by which key its names are made.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use media_storage::{StorageError, StorageErrorKind};
use media_types::readable::causes;
use object_store::Attributes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Creation, Keys, NameKey};

/// Version of the description, and of the store that it describes.
const VERSION: u32 = 2;

/// Maximum length of a description or a key, in bytes.
const MAX_LEN: u64 = 4096;

/// `.store/format.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Format {
    format_version: u32,
    /// The lowest version of the protocol that may write.
    lowest_writer: u32,
    /// Fingerprint of the key of names.
    name_key: String,
}

/// How a store is opened.
#[derive(Debug)]
pub(crate) struct FormatOptions {
    /// Whether the second protocol is used in a bucket that has no description.
    pub(crate) second: bool,
    /// The key of names, if the operator keeps it.
    pub(crate) name_key: Option<NameKey>,
    /// Whether anything may be written.
    pub(crate) writable: bool,
    /// Whether the service refuses to create an object that exists.
    pub(crate) conditional: bool,
}

impl FormatOptions {
    /// Whether a bucket that has no description is given one.
    fn writes(&self) -> bool {
        self.second && self.writable
    }

    /// Whether it is given one in a way that replaces none.
    fn creates(&self) -> bool {
        self.writes() && self.conditional
    }
}

/// Returns the key of names if the store uses the second protocol. A store that is to use it is
/// described if it is not yet.
///
/// Without conditional writes, two nodes that make a key at the same time cannot agree on one. Such a
/// service is used by the second protocol only with a key that is given, or if the bucket is described.
///
/// # Errors
/// `Config` if the key is missing, or another than the one that the store was created with.
pub(crate) async fn open_format(
    bucket: &Bucket,
    keys: &Keys,
    options: FormatOptions,
) -> Result<Option<NameKey>, StorageError> {
    let found = match read(bucket, keys).await {
        // Without the right to list, S3 answers 403 for an object that does not exist. A conditional
        // create finds out whether that is so, and replaces nothing.
        Err(error) if error.kind() == StorageErrorKind::Permission && options.creates() => None,
        other => other?,
    };
    if let Some(format) = found {
        return checked(bucket, keys, &format, options.name_key)
            .await
            .map(Some);
    }
    if !options.writes() {
        return Ok(None);
    }
    let name_key = match options.name_key {
        Some(given) => given,
        None if options.conditional => made(bucket, keys).await?,
        None => {
            tracing::warn!(
                backend = bucket.backend(),
                "the service does not support conditional writes, and no key of names was given: the \
                 bucket is used by the first protocol"
            );
            return Ok(None);
        }
    };
    let format = Format {
        format_version: VERSION,
        lowest_writer: VERSION,
        name_key: name_key.fingerprint(),
    };
    let mut json = serde_json::to_vec_pretty(&format).unwrap_or_default();
    json.push(b'\n');
    let is_new = is_new(bucket, keys).await;
    let is_first = write(bucket, &keys.format()?, json.into(), options.conditional).await?;
    if is_new && is_first {
        note_complete(bucket, keys, options.conditional).await;
    }
    // Another node may have been faster, with another key.
    let Some(format) = read(bucket, keys).await? else {
        return Err(config(
            bucket,
            "the description of the store cannot be read back",
        ));
    };
    checked(bucket, keys, &format, Some(name_key))
        .await
        .map(Some)
}

async fn read(bucket: &Bucket, keys: &Keys) -> Result<Option<Format>, StorageError> {
    let Some((json, _)) = bucket.get(&keys.format()?, MAX_LEN).await? else {
        return Ok(None);
    };
    let format: Format = serde_json::from_slice(&json).map_err(|error| {
        config(
            bucket,
            "the description of the store, .store/format.json, is damaged",
        )
        .with_source(error)
    })?;
    if format.lowest_writer > VERSION || format.format_version > VERSION {
        return Err(config(
            bucket,
            "the store was created by a later version of this program",
        ));
    }
    Ok(Some(format))
}

async fn checked(
    bucket: &Bucket,
    keys: &Keys,
    format: &Format,
    given: Option<NameKey>,
) -> Result<NameKey, StorageError> {
    let name_key = match given {
        Some(given) => given,
        None => stored(bucket, keys).await?.ok_or_else(|| {
            config(
                bucket,
                "the key of names is missing: it was removed, or is kept by the operator",
            )
        })?,
    };
    if name_key.fingerprint() != format.name_key {
        return Err(config(
            bucket,
            "the key of names is not the one that the store was created with",
        ));
    }
    Ok(name_key)
}

async fn stored(bucket: &Bucket, keys: &Keys) -> Result<Option<NameKey>, StorageError> {
    let Some((text, _)) = bucket.get(&keys.name_key()?, MAX_LEN).await? else {
        return Ok(None);
    };
    let parsed = std::str::from_utf8(&text).ok().and_then(NameKey::parse);
    match parsed {
        Some(key) => Ok(Some(key)),
        None => Err(config(bucket, "the key of names in the bucket is damaged")),
    }
}

/// Creates the key if there is none, and reads it back. Needs conditional writes.
async fn made(bucket: &Bucket, keys: &Keys) -> Result<NameKey, StorageError> {
    match stored(bucket, keys).await {
        Ok(Some(key)) => return Ok(key),
        Err(error) if error.kind() != StorageErrorKind::Permission => return Err(error),
        Ok(None) | Err(_) => {}
    }
    let body = Bytes::from(NameKey::random()?.to_hex());
    write(bucket, &keys.name_key()?, body, true).await?;
    stored(bucket, keys)
        .await?
        .ok_or_else(|| config(bucket, "the key of names cannot be read back"))
}

/// Whether there is nothing yet but what nodes that open the store write first. Without the right to list, it is not
/// known, and the answer is no.
async fn is_new(bucket: &Bucket, keys: &Keys) -> bool {
    let key = keys.name_key();
    let mut objects = bucket.list(keys.prefix(), None);
    loop {
        match objects.try_next().await {
            Ok(None) => return true,
            Ok(Some(object)) => {
                let is_key = key.as_ref().is_ok_and(|key| *key == object.location);
                if !is_key && !keys.is_probe(&object.location) {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
}

/// Notes that the index of users contains all media: there is none yet, and what stores add is in the index. A full
/// sweep writes the note where this fails.
async fn note_complete(bucket: &Bucket, keys: &Keys, conditional: bool) {
    let noted = async {
        let body = Bytes::from_static(b"complete");
        write(bucket, &keys.users_complete()?, body, conditional).await
    };
    if let Err(error) = noted.await {
        tracing::debug!(error = %causes(&error), "the index of users is used after a full sweep only");
    }
}

/// Returns whether this process has written it, as far as that is known.
async fn write(
    bucket: &Bucket,
    path: &Path,
    body: Bytes,
    conditional: bool,
) -> Result<bool, StorageError> {
    if !conditional {
        let put = bucket.put(path, body.into(), Attributes::new());
        return put.await.map(|_| true);
    }
    // What exists was written by another node, and is read back.
    match bucket.create(path, body).await? {
        Creation::Created(_) => Ok(true),
        Creation::Exists => Ok(false),
    }
}

fn config(bucket: &Bucket, reason: &'static str) -> StorageError {
    bucket.fail(StorageErrorKind::Config).with_reason(reason)
}
