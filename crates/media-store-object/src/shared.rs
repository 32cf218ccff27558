//! What all handles of a store share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_storage::{
    Operation, Organization, RetentionPolicy, StorageError, StorageErrorKind, Verification,
};
use media_types::StorageReference;

use crate::bucket::{Bucket, Keys, MediaKey, PartOptions};
use crate::lease_watch::LeaseWatch;
use crate::second::Generations;
use crate::sharing::ConfirmedBlobs;
use crate::sign::ObjectSigner;

/// What all handles of a store share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bucket: Bucket,
    pub(crate) keys: Keys,
    pub(crate) signer: Option<Arc<dyn ObjectSigner>>,
    pub(crate) name: Option<String>,
    pub(crate) options: Options,
    pub(crate) confirmed: ConfirmedBlobs,
    pub(crate) generations: Generations,
    pub(crate) lease: LeaseWatch,
    pub(crate) keeps_versions: bool,
    /// Every organization that media lies in, as far as that was looked up.
    pub(crate) organizations: Vec<Organization>,
}

/// Options of a store.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) organization: Organization,
    pub(crate) sharing: Sharing,
    pub(crate) default_retention: RetentionPolicy,
    pub(crate) max_media_size: u64,
    pub(crate) verification: Verification,
    pub(crate) parts: PartOptions,
    pub(crate) spool_directory: Option<PathBuf>,
    pub(crate) grace: Duration,
    pub(crate) read_only: bool,
    /// Whether the credential may delete, as far as that was probed.
    pub(crate) may_delete: bool,
}

/// Whether references to equal bytes share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Deduplication was not requested.
    Off,
    /// References share equal bytes.
    On,
    /// Deduplication was requested, but the service does not support it.
    Unsupported,
}

impl Shared {
    /// Returns a handle on the bucket for an operation.
    pub(crate) fn bucket(&self, operation: Operation) -> Bucket {
        self.bucket.during(operation)
    }

    /// Returns an error if the store was opened for reading only.
    pub(crate) fn check_writable(&self, operation: Operation) -> Result<(), StorageError> {
        if self.options.read_only {
            return Err(self
                .bucket(operation)
                .fail(StorageErrorKind::Permission)
                .with_reason("the store was opened for reading only"));
        }
        Ok(())
    }

    /// Returns an error if the store was opened for reading only, or with a credential that may not
    /// delete. Nothing that is half deleted is left by such a credential.
    pub(crate) fn check_deletable(&self, operation: Operation) -> Result<(), StorageError> {
        self.check_writable(operation)?;
        if !self.options.may_delete {
            return Err(self
                .bucket(operation)
                .fail(StorageErrorKind::Permission)
                .with_reason("the credential may not delete"));
        }
        Ok(())
    }

    /// Parses the id of a reference to this store.
    pub(crate) fn key(
        &self,
        bucket: &Bucket,
        reference: &StorageReference,
    ) -> Result<MediaKey, StorageError> {
        let refuse = |reason: &'static str| {
            bucket
                .fail(StorageErrorKind::InvalidRef)
                .with_key(reference.id())
                .with_reason(reason)
        };
        let ours = reference.backend() == bucket.backend()
            && reference.store_name() == self.name.as_deref();
        if !ours {
            return Err(refuse("the reference belongs to another store"));
        }
        MediaKey::parse(reference.id())
            .ok_or_else(|| refuse("the id is not a key of media in this store"))
    }
}
