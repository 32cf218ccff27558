//! What is known of media before its bytes: type, metadata, directories.

use chrono::{SubsecRound as _, Utc};
use media_storage::backend::Digest;
use media_storage::layout::{CaseRule, FileName, MediaToken, media_key};
use media_storage::{MediaMetadata, Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::{Mime, Sha256};

use crate::bucket::MediaKey;
use crate::protocol::Nonce;
use crate::reference::sidecar;
use crate::shared::Shared;

/// Type, metadata and directories of media.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) mime: Mime,
    pub(super) metadata: MediaMetadata,
    directories: Vec<String>,
}

impl Description {
    pub(super) fn new(
        shared: &Shared,
        mime: Mime,
        metadata: MediaMetadata,
    ) -> Result<Self, StorageError> {
        let organization = shared.options.organization;
        let directories = organization.directories(&metadata, CaseRule::Sensitive)?;
        let description = Self {
            mime,
            metadata,
            directories,
        };
        // Metadata that does not fit a sidecar is an error before anything is sent.
        let any = Digest::new(Sha256::EMPTY, u64::MAX);
        let (_, sidecar) = description.new_reference(shared, any)?;
        sidecar::shared_json(&sidecar, Nonce::new(u128::MAX))?;
        Ok(description)
    }

    /// Creates the key and the sidecar of a new reference.
    pub(super) fn new_reference(
        &self,
        shared: &Shared,
        digest: Digest,
    ) -> Result<(MediaKey, Sidecar), StorageError> {
        let file = FileName::new(digest.sha256, &MediaToken::mint()?, &self.mime);
        let key = self.key(&file)?;
        let sidecar = self.sidecar(shared, &key, digest);
        Ok((key, sidecar))
    }

    pub(super) fn key(&self, file: &FileName) -> Result<MediaKey, StorageError> {
        let id = media_key(&self.directories, file)?;
        MediaKey::parse(id.as_str()).ok_or_else(|| {
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                .with_reason("the ids do not form a valid key")
        })
    }

    pub(super) fn sidecar(&self, shared: &Shared, key: &MediaKey, digest: Digest) -> Sidecar {
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
