//! What all operations of a store share.

use std::path::PathBuf;
use std::sync::Arc;

use media_storage::{
    MediaMetadata, MediaStorage, Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind,
};
use media_types::StorageReference;
use tokio::time::Instant;

use crate::envelope::{Envelope, Letter};
use crate::failure::{corrupted, key_failure};
use crate::geometry::plain_len;
use crate::header::{HEADER_LEN, Header};
use crate::key_cache::{KeyCache, Wanted};
use crate::owner::{KeyOwner, KeyScope};
use crate::references::{check_hash, check_mac, inward};
use crate::scope_key::ScopeKey;
use crate::scopes::SplitScope;

/// The options of a store.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) key_scope: KeyScope,
    pub(crate) shared_key: bool,
    pub(crate) max_media_size: u64,
    pub(crate) spool_directory: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct Shared<S> {
    pub(crate) inner: S,
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) options: Options,
}

/// Stored media whose secrets were opened.
pub(crate) struct Opened {
    pub(crate) letter: Letter,
    pub(crate) key: Arc<ScopeKey>,
}

impl<S: MediaStorage> Shared<S> {
    /// Returns the owner of the key for new media.
    pub(crate) fn owner(
        &self,
        metadata: &MediaMetadata,
        operation: Operation,
    ) -> Result<KeyOwner, StorageError> {
        let shared = self.options.shared_key.then_some(KeyOwner::Shared);
        let owner = self.options.key_scope.owner(metadata).or(shared);
        owner.ok_or_else(|| {
            let name = self.options.key_scope.id_name();
            self.failure(StorageErrorKind::InvalidInput, operation)
                .with_reason(format!(
                    "media without a {name} has no key; allow a shared key for it"
                ))
        })
    }

    /// Returns the key for new media of an owner, as the provider has said since a time, if one is given.
    pub(crate) async fn current_key(
        &self,
        owner: &KeyOwner,
        since: Option<Instant>,
        operation: Operation,
    ) -> Result<Arc<ScopeKey>, StorageError> {
        let key = self.keys.get(Wanted::Current(owner), since).await;
        key.map_err(|error| self.adopt(key_failure(error, operation)))
    }

    /// Opens the secrets of stored media with some metadata and stored size, and checks the reference against them.
    pub(crate) async fn open(
        &self,
        reference: &StorageReference,
        (metadata, size): (&MediaMetadata, u64),
        operation: Operation,
    ) -> Result<Opened, StorageError> {
        let fail = |error: StorageError| {
            self.adopt(error.with_operation(operation))
                .with_key(reference.id())
        };
        let opened = match Envelope::of(metadata) {
            Some(envelope) => {
                check_mac(reference, &envelope.mac, operation).map_err(fail)?;
                let key = self.key(&envelope.key_id, operation).await.map_err(fail)?;
                let letter = envelope.open(&key);
                let letter = letter.map_err(|_| fail(corrupted("the file name is damaged")))?;
                Opened { letter, key }
            }
            // The sidecar was lost and rebuilt: what the bytes say about themselves is left.
            None => {
                let header = self.read_header(reference).await.map_err(fail)?;
                check_mac(reference, &header.mac, operation).map_err(fail)?;
                let key = self.key(&header.key_id, operation).await.map_err(fail)?;
                let content = header.open(&key);
                let content = content.map_err(|_| fail(corrupted("the header is damaged")))?;
                let letter = Letter::bare(content);
                Opened { letter, key }
            }
        };
        let content = &opened.letter.content;
        check_hash(reference, content, operation).map_err(fail)?;
        if plain_len(size) != Some(content.len) {
            return Err(fail(corrupted("the size is not that of the media")));
        }
        Ok(opened)
    }

    async fn read_header(&self, reference: &StorageReference) -> Result<Header, StorageError> {
        let reference = inward(reference, Operation::Retrieve)?;
        let options = RetrieveOptions::new().with_range(0..HEADER_LEN as u64);
        let stored = self.inner.retrieve_opts(&reference, options).await?;
        let bytes = stored.body.bytes(HEADER_LEN as u64).await?;
        Header::parse(&bytes).ok_or_else(|| corrupted("the media was not stored encrypted"))
    }

    async fn key(
        &self,
        id: &crate::data_key::KeyId,
        operation: Operation,
    ) -> Result<Arc<ScopeKey>, StorageError> {
        let key = self.keys.get(Wanted::Id(*id), None).await;
        key.map_err(|error| key_failure(error, operation))
    }

    /// Checks what a reference says about the media, and the tags that are expected of it, before
    /// it is deleted or changed. Media that cannot be read is left to the inner store.
    /// Needs no key, unless tags are expected or the reference has a hash, which those of this store do
    /// not. Returns the scope for the inner store.
    pub(crate) async fn check(
        &self,
        reference: &StorageReference,
        expected_scope: Option<&Scope>,
        operation: Operation,
    ) -> Result<Option<Scope>, StorageError> {
        let scope = expected_scope.map(SplitScope::new);
        let tagged = scope.as_ref().filter(|scope| scope.has_tags());
        let inner = inward(reference, operation)?;
        let mut options = RetrieveOptions::new().with_head();
        if let Some(scope) = &scope {
            options = options.with_expected_scope(scope.inner.clone());
        }
        match self.inner.retrieve_opts(&inner, options).await {
            Ok(stored) if tagged.is_some() || reference.sha256().is_some() => {
                let opened = self
                    .open(reference, (&stored.metadata, stored.size), operation)
                    .await?;
                self.check_tags(reference, tagged, &opened, operation)?;
            }
            Ok(stored) => {
                if let Some(envelope) = Envelope::of(&stored.metadata) {
                    check_mac(reference, &envelope.mac, operation)
                        .map_err(|error| self.adopt(error))?;
                }
            }
            Err(error) if tagged.is_some() => return Err(error.with_operation(operation)),
            Err(_) => {}
        }
        Ok(scope.map(|scope| scope.inner))
    }

    /// Checks that media has the tags of an expected scope.
    pub(crate) fn check_tags(
        &self,
        reference: &StorageReference,
        scope: Option<&SplitScope>,
        opened: &Opened,
        operation: Operation,
    ) -> Result<(), StorageError> {
        match scope {
            Some(scope) if !scope.matches(&opened.letter.tags) => {
                let missing = self.failure(StorageErrorKind::NotFound, operation);
                Err(missing.with_key(reference.id()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn failure(&self, kind: StorageErrorKind, operation: Operation) -> StorageError {
        self.adopt(StorageError::new(kind, operation))
    }

    pub(crate) fn adopt(&self, error: StorageError) -> StorageError {
        error.with_backend(self.inner.backend().to_owned())
    }
}
