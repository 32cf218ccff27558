//! Storing and duplicating media.

use media_storage::backend::{check_tags, copy_through};
use media_storage::{
    DuplicateOptions, MediaMetadata, MediaStorage, MediaUpload, Operation, RetrieveOptions,
    StorageError, UploadParts,
};
use media_types::StorageReference;
use tokio::time::Instant;

use crate::encrypt::{encrypt, unexpected_hash};
use crate::envelope::{Envelope, Letter};
use crate::failure::{encryption_failure, key_failure};
use crate::header::Header;
use crate::key_cache::Wanted;
use crate::prepared::prepare;
use crate::references::{inward, outward};
use crate::scopes::SplitScope;
use crate::shared::Shared;

impl<S: MediaStorage> Shared<S> {
    pub(crate) async fn store(
        &self,
        upload: MediaUpload,
    ) -> Result<StorageReference, StorageError> {
        let UploadParts {
            mime,
            body,
            metadata,
            expected_sha256: expected,
            ..
        } = upload.into_parts();
        let owner = self.owner(&metadata, Operation::Store)?;
        check_tags(metadata.tags()).map_err(|error| self.adopt(error))?;
        let begun = Some(Instant::now());
        // Before anything is read: a provider that is down costs no upload. Asked in any case: another process
        // may have forgotten the key, and what it encrypts would be acknowledged and never readable.
        self.current_key(&owner, begun, Operation::Store).await?;
        let directory = self.options.spool_directory.as_deref();
        let prepared = prepare(body, self.options.max_media_size, directory)
            .await
            .map_err(|error| self.adopt(error))?;
        let content = prepared.content;
        if expected.is_some_and(|expected| expected != content.sha256) {
            return Err(self.adopt(unexpected_hash()));
        }
        // Again: reading may have taken longer than a key lives.
        let key = self.current_key(&owner, None, Operation::Store).await?;
        let fail = |error| self.adopt(encryption_failure(error));
        let letter = Letter::new(content, &metadata);
        let envelope = Envelope::seal(&key, letter).map_err(fail)?;
        let header = Header::seal(&key, &content).map_err(fail)?;
        let file_key = key.file_key(&content.sha256).map_err(fail)?;
        drop(key);
        let body = encrypt(prepared, &header, file_key);
        let upload = MediaUpload::new(mime, body, envelope.put_into(metadata));
        let stored = self.inner.store(upload).await?;
        let mac = Some(&envelope.mac);
        outward(&stored, Some(content.len), mac, Operation::Store)
    }

    /// Duplicates media. Under the same key, the inner store shares the ciphertext; under another one it
    /// is encrypted again.
    pub(crate) async fn duplicate(
        &self,
        store: &impl MediaStorage,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let owner = self.owner(options.metadata(), Operation::Duplicate)?;
        let begun = Some(Instant::now());
        let current = self
            .current_key(&owner, begun, Operation::Duplicate)
            .await?;
        let source = inward(reference, Operation::Duplicate)?;
        let scope = options.expected_scope().map(SplitScope::new);
        let mut head = RetrieveOptions::new().with_head();
        if let Some(scope) = &scope {
            head = head.with_expected_scope(scope.inner.clone());
        }
        let stored = self.inner.retrieve_opts(&source, head).await;
        let stored = stored.map_err(|error| error.with_operation(Operation::Duplicate))?;
        let found = (&stored.metadata, stored.size);
        let opened = self.open(reference, found, Operation::Duplicate).await?;
        self.check_tags(reference, scope.as_ref(), &opened, Operation::Duplicate)?;
        if opened.key.id() != current.id() {
            // A copy under another key would outlive a key that another process has forgotten.
            let source = self.keys.get(Wanted::Id(opened.key.id()), begun).await;
            source.map_err(|error| self.adopt(key_failure(error, Operation::Duplicate)))?;
            return copy_through(store, reference, options).await;
        }
        let content = opened.letter.content;
        let source_metadata = opened.letter.reveal(MediaMetadata::new());
        let metadata = options.metadata().clone();
        let described = metadata.clone().for_copy_of(&source_metadata, None);
        check_tags(described.tags()).map_err(|error| self.adopt(error))?;
        let envelope = Envelope::seal(&current, Letter::new(content, &described))
            .map_err(|error| self.adopt(encryption_failure(error)))?;
        let mut inner = DuplicateOptions::new(envelope.put_into(metadata));
        if let Some(scope) = scope {
            inner = inner.with_expected_scope(scope.inner);
        }
        let copy = self.inner.duplicate(&source, inner).await?;
        let mac = Some(&envelope.mac);
        outward(&copy, Some(content.len), mac, Operation::Duplicate)
    }
}
