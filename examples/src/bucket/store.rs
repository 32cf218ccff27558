//! A `MediaStorage` over a bucket: four methods, and the rules of all stores come from `media-storage`.
//!
//! Two objects make up stored media: the bytes, and beside them a sidecar `<key>.meta` that says what they are and whom
//! they belong to. The sidecar goes first and is removed last, so that bytes never lie there unexplained.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{SubsecRound as _, Utc};
use futures_util::TryStreamExt as _;
use media_storage::layout::{CaseRule, FileName, MediaToken, media_key, parse_media_key};
use media_storage::{
    DeleteOptions, MAX_SIDECAR_LEN, MediaBody, MediaStorage, MediaUpload, Operation, Organization,
    RetentionPolicy, RetrieveOptions, Sha256Hasher, Sidecar, StorageError, StorageErrorKind,
    StoredMedia, UploadParts, Verification,
};
use media_types::StorageReference;

use super::client::Bucket;

const BACKEND: &str = "bucket";

/// Keeps media as objects in a [`Bucket`].
#[derive(Clone, Debug)]
pub struct BucketStore {
    bucket: Bucket,
    organization: Organization,
    max_media_size: u64,
    default_retention: RetentionPolicy,
}

impl BucketStore {
    /// A store in this bucket, organized by session.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            organization: Organization::BySession,
            max_media_size: 64 * 1024 * 1024,
            default_retention: RetentionPolicy::Retain,
        }
    }

    /// How keys are laid out. Default: by session.
    #[must_use]
    pub fn with_organization(mut self, organization: Organization) -> Self {
        self.organization = organization;
        self
    }

    /// Sets the largest media in bytes, which is also what one call holds in memory. Defaults to 64 MiB.
    #[must_use]
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.max_media_size = bytes;
        self
    }

    /// Retention of media that is stored without one. Default: it is retained.
    #[must_use]
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.default_retention = retention;
        self
    }

    async fn sidecar(
        &self,
        reference: &StorageReference,
        operation: Operation,
    ) -> Result<Option<Sidecar>, StorageError> {
        let ours = reference.backend() == BACKEND && reference.store_name().is_none();
        if !ours || parse_media_key(reference.id()).is_none() {
            return Err(fail(StorageErrorKind::InvalidRef, operation).with_key(reference.id()));
        }
        let found = self
            .bucket
            .get(&sidecar_key(reference.id()), None)
            .await
            .map_err(|error| lost(error, operation))?;
        let Some(mut pieces) = found else {
            return Ok(None);
        };
        let mut json = BytesMut::new();
        while let Some(piece) = pieces
            .try_next()
            .await
            .map_err(|error| lost(error, operation))?
        {
            json.extend_from_slice(&piece);
            // One byte more than allowed is enough for `from_json` to refuse it.
            if json.len() as u64 > MAX_SIDECAR_LEN {
                break;
            }
        }
        Sidecar::from_json(&json)
            .map(Some)
            .map_err(|error| error.with_backend(BACKEND))
    }
}

#[async_trait]
impl MediaStorage for BucketStore {
    fn backend(&self) -> &str {
        BACKEND
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let UploadParts {
            mime,
            body,
            metadata,
            expected_sha256: expected,
            ..
        } = upload.into_parts();
        let ours =
            |error: StorageError| error.with_operation(Operation::Store).with_backend(BACKEND);
        let bytes = body.bytes(self.max_media_size).await.map_err(ours)?;
        let sha256 = Sha256Hasher::digest(&bytes);
        if expected.is_some_and(|expected| expected != sha256) {
            let reason = "the body does not match the expected hash";
            return Err(fail(StorageErrorKind::InvalidInput, Operation::Store).with_reason(reason));
        }
        let directories = self
            .organization
            .directories(&metadata, CaseRule::default())
            .map_err(ours)?;
        let key = media_key(
            &directories,
            &FileName::new(sha256, &MediaToken::mint()?, &mime),
        )
        .map_err(ours)?;
        let now = Utc::now().trunc_subsecs(3);
        let kind = mime.as_str().to_owned();
        let sidecar = Sidecar::new(
            key.as_str(),
            mime,
            bytes.len() as u64,
            sha256,
            metadata,
            self.default_retention,
            now,
        );
        let json = Bytes::from(sidecar.to_json()?);

        let written = async {
            self.bucket
                .put(&sidecar_key(key.as_str()), "application/json", json)
                .await?;
            self.bucket.put(key.as_str(), &kind, bytes).await
        };
        if let Err(error) = written.await {
            // Best effort: a sidecar alone is nobody's media.
            let _ = self.bucket.delete(&sidecar_key(key.as_str())).await;
            return Err(lost(error, Operation::Store).with_key(key.as_str()));
        }
        sidecar.reference(BACKEND, None)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let missing =
            || fail(StorageErrorKind::NotFound, Operation::Retrieve).with_key(reference.id());
        let sidecar = self
            .sidecar(reference, Operation::Retrieve)
            .await?
            .ok_or_else(missing)?;
        sidecar
            .admit(
                reference,
                options.expected_scope(),
                Utc::now(),
                Operation::Retrieve,
            )
            .map_err(|error| error.with_backend(BACKEND))?;
        let size = sidecar.size_bytes;
        let unreachable = |error| lost(error, Operation::Retrieve);
        let range = options
            .range()
            .map(|range| range.start.min(size)..range.end.min(size));
        let nothing =
            options.head() || range.as_ref().is_some_and(|range| range.start >= range.end);
        let body = if nothing {
            if !self
                .bucket
                .exists(reference.id())
                .await
                .map_err(unreachable)?
            {
                return Err(missing());
            }
            MediaBody::from_bytes(Bytes::new())
        } else {
            let found = self
                .bucket
                .get(reference.id(), range.clone())
                .await
                .map_err(unreachable)?;
            let pieces = found.ok_or_else(missing)?.map_err(unreachable);
            match range {
                Some(range) => MediaBody::from_stored_stream(range.end - range.start, None, pieces),
                None => {
                    let hash = (options.verification() != Some(Verification::SizeOnly))
                        .then_some(sidecar.sha256);
                    MediaBody::from_stored_stream(size, hash, pieces)
                }
            }
        };
        Ok(StoredMedia::new(sidecar.mime_type.clone(), size, body)
            .with_metadata(sidecar.metadata())
            .with_sha256(sidecar.sha256)
            .with_stored_at(sidecar.stored_at)
            .with_expires_at(sidecar.expires_at))
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let scope = options.expected_scope();
        match self.sidecar(reference, Operation::Delete).await? {
            None if scope.is_some() => {
                return Err(
                    fail(StorageErrorKind::NotFound, Operation::Delete).with_key(reference.id())
                );
            }
            None => return Ok(()),
            // What has expired may still be deleted, so that the clock plays no part here.
            Some(sidecar) => sidecar
                .admit(
                    reference,
                    scope,
                    chrono::DateTime::<Utc>::MIN_UTC,
                    Operation::Delete,
                )
                .map_err(|error| error.with_backend(BACKEND))?,
        }
        for key in [reference.id().to_owned(), sidecar_key(reference.id())] {
            self.bucket
                .delete(&key)
                .await
                .map_err(|error| lost(error, Operation::Delete))?;
        }
        Ok(())
    }
}

fn sidecar_key(key: &str) -> String {
    format!("{key}.meta")
}

fn fail(kind: StorageErrorKind, operation: Operation) -> StorageError {
    StorageError::new(kind, operation).with_backend(BACKEND)
}

/// What the client reports is about the way to the bucket, never about the media.
fn lost(error: reqwest::Error, operation: Operation) -> StorageError {
    fail(StorageErrorKind::Unavailable, operation).with_source(error.without_url())
}
