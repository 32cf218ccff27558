//! Storing media: from an upload to a reference.

use std::sync::Arc;

use chrono::{SubsecRound as _, Utc};
use media_storage::layout::{CaseRule, FileName, MediaId, media_key};
use media_storage::{
    MediaMetadata, MediaUpload, Operation, Sha256Hasher, Sidecar, StorageError, StorageErrorKind,
};
use media_types::{Mime, Sha256, StorageReference};

use crate::cancel::commit;
use crate::dedup::{self, Attempt, Hash, ToShare};
use crate::headers::attributes;
use crate::intake::{Incoming, Intake, check_expected, hashed, take};
use crate::keys::MediaKey;
use crate::multipart::Multipart;
use crate::own;
use crate::payload::{Digest, Payload};
use crate::protocol::Token;
use crate::send::Sending;
use crate::shared::{Shared, Sharing};
use crate::spool::Spooling;
use media_storage::backend::CancelFlag;

/// How often a store begins anew, each time under another reference, when others get in between.
const ATTEMPTS: u32 = 32;

/// What is said about media, and where it goes.
#[derive(Clone, Debug)]
struct Description {
    mime: Mime,
    metadata: MediaMetadata,
    directories: Vec<String>,
}

impl Description {
    fn new(shared: &Shared, mime: Mime, metadata: MediaMetadata) -> Result<Self, StorageError> {
        let organization = shared.options.organization;
        let directories = organization.directories(&metadata, CaseRule::Sensitive)?;
        let description = Self {
            mime,
            metadata,
            directories,
        };
        // What is too much for a sidecar is told before anything is sent.
        let any = Digest {
            sha256: Sha256::EMPTY,
            len: u64::MAX,
        };
        let (_, sidecar) = description.mint(shared, any)?;
        crate::sidecar::shared_json(&sidecar, Token::new(u128::MAX))?;
        Ok(description)
    }

    /// A new reference to a body.
    fn mint(&self, shared: &Shared, digest: Digest) -> Result<(MediaKey, Sidecar), StorageError> {
        let file = FileName::new(digest.sha256, &MediaId::mint()?, &self.mime);
        let key = self.key(&file)?;
        let sidecar = self.sidecar(shared, &key, digest);
        Ok((key, sidecar))
    }

    fn key(&self, file: &FileName) -> Result<MediaKey, StorageError> {
        let id = media_key(&self.directories, file)?;
        MediaKey::parse(id.as_str()).ok_or_else(|| {
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                .with_reason("the ids do not make a key")
        })
    }

    fn sidecar(&self, shared: &Shared, key: &MediaKey, digest: Digest) -> Sidecar {
        Sidecar::new(
            key.id(),
            self.mime.clone(),
            digest.len,
            digest.sha256,
            self.metadata.clone(),
            shared.options.default_retention,
            Utc::now().trunc_subsecs(3),
        )
    }
}

/// Stores media.
pub(crate) async fn store(
    shared: &Arc<Shared>,
    upload: MediaUpload,
) -> Result<StorageReference, StorageError> {
    let (mime, body, metadata, expected) = upload.into_parts();
    let description = Description::new(shared, mime, metadata)?;
    let options = &shared.options;
    let sending = options.sending.for_len(body.len().unwrap_or(0));
    let part_size = sending.part_size;
    let (payload, digest) = match take(body, options.max_media_size, part_size).await? {
        Intake::Whole(payload, digest) => (payload, digest),
        Intake::Longer(first, incoming) if options.sharing == Sharing::On => {
            let spooling = Spooling::begin(options.spool_directory.as_deref()).await?;
            incoming.spool(first, spooling).await?
        }
        Intake::Longer(first, incoming) => {
            let parts = (first, incoming, sending);
            return store_stream(shared, description, parts, expected).await;
        }
    };
    check_expected(expected, digest)?;
    commit(shared, move |shared, cancelled| async move {
        let stored = match shared.options.sharing {
            Sharing::On => share(&shared, &description, (&payload, digest), &cancelled).await,
            Sharing::Off | Sharing::Impossible => {
                keep(&shared, &description, (&payload, digest), &cancelled).await
            }
        };
        let stored = match stored {
            // Bytes are not to be turned away because somebody damaged what they would share.
            Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                tracing::warn!(%error, "media that cannot be shared is stored on its own");
                keep(&shared, &description, (&payload, digest), &cancelled).await
            }
            stored => stored,
        };
        stored.map_err(|error| shared.bucket(Operation::Store).adopt(error))
    })
    .await
}

/// Stores a body whose bytes may be shared.
async fn share(
    shared: &Shared,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    for _ in 0..ATTEMPTS {
        let (key, sidecar) = description.mint(shared, digest)?;
        let hash = Hash::new(&bucket, &shared.keys, digest.sha256);
        let to_share = ToShare {
            hash: hash.clone(),
            key: key.clone(),
            sidecar: &sidecar,
            payload,
            sending: shared.options.sending,
            cancelled,
        };
        if let Attempt::Stored { generation, new } = dedup::store(to_share).await? {
            if !new {
                check_shared(shared, hash, &key, &sidecar, generation).await?;
            }
            shared.known.insert(digest.sha256, generation);
            tracing::debug!(bytes = digest.len, new, "media stored");
            return sidecar.reference(bucket.backend(), shared.name.as_deref());
        }
    }
    Err(bucket
        .fail(StorageErrorKind::Unavailable)
        .with_reason("others stored and removed the same bytes all the time"))
}

/// Takes a reference back whose bytes, which others stored, are gone. Looks once for each.
async fn check_shared(
    shared: &Shared,
    hash: Hash,
    key: &MediaKey,
    sidecar: &Sidecar,
    generation: Token,
) -> Result<(), StorageError> {
    if shared.known.contains(hash.sha256, generation) {
        return Ok(());
    }
    let gone = match hash.has_bytes(generation, sidecar.size_bytes).await {
        Ok(true) => return Ok(()),
        Ok(false) => shared
            .bucket(Operation::Store)
            .fail(StorageErrorKind::Corrupted)
            .with_reason("the shared bytes are gone"),
        Err(error) => error,
    };
    if let Err(error) = dedup::delete(hash, key, generation, sidecar.expires_at).await {
        tracing::debug!(%error, "a reference without bytes stays for a sweep");
    }
    Err(gone)
}

/// Stores a body as an object of its own.
async fn keep(
    shared: &Shared,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let (key, sidecar) = description.mint(shared, digest)?;
    let body = (payload, shared.options.sending);
    own::store(&bucket, &shared.keys, &key, &sidecar, body, cancelled).await?;
    tracing::debug!(bytes = digest.len, "media stored");
    sidecar.reference(bucket.backend(), shared.name.as_deref())
}

/// Stores a stream of unknown hash as it comes, under a name that does not tell the hash.
async fn store_stream(
    shared: &Arc<Shared>,
    description: Description,
    (first, mut incoming, sending): (bytes::Bytes, Incoming, Sending),
    expected: Option<Sha256>,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let nothing = Sha256::from_bytes([0; 32]);
    let file = FileName::new(nothing, &MediaId::mint()?, &description.mime);
    let key = description.key(&file)?;
    let headers = attributes(&description.mime, description.metadata.filename());
    let object = shared.keys.media(&key)?;
    let mut upload = Multipart::begin(&bucket, &object, headers, sending.in_flight).await?;
    let mut hasher = hashed(Sha256Hasher::new(), &first).await?;
    upload.put(first)?;
    while !incoming.is_at_end() {
        upload.room().await?;
        let part = incoming.part(sending.part_size).await?;
        hasher = hashed(hasher, &part).await?;
        upload.put(part)?;
    }
    let digest = Digest::of(hasher);
    check_expected(expected, digest)?;
    upload.settle().await?;
    let sidecar = description.sidecar(shared, &key, digest);
    commit(shared, move |shared, cancelled| async move {
        let keys = &shared.keys;
        let completed = own::complete(&bucket, keys, &key, &sidecar, upload, &cancelled).await;
        completed.map_err(|error| bucket.adopt(error))?;
        tracing::debug!(bytes = digest.len, "media stored");
        sidecar.reference(bucket.backend(), shared.name.as_deref())
    })
    .await
}
