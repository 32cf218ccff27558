//! Duplicating media without reading its bytes.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, Digest};
use media_storage::{DuplicateOptions, Operation, Sidecar, StorageError};
use media_types::StorageReference;
use media_types::readable::causes;

use super::commit::{Unclaimed, commit_some};
use super::description::Description;
use super::resolve::{Resolved, find_admitted};
use super::second_upload::confirm_blob;
use super::together::together;
use crate::body::Payload;
use crate::bucket::{MediaKey, SecondKeys, attributes};
use crate::protocol::Nonce;
use crate::reference::sidecar::{ByteLocation, Protocol, change_of};
use crate::reference::value::new_reference;
use crate::second::{self, OwnStore, ReferenceObjects, SecondAttempt, SecondContent, SecondStore};
use crate::shared::{Shared, Sharing};

/// Duplicates media: by another marker under the same generation if its bytes are shared, and by a copy
/// that the service makes otherwise. Returns `None` where neither is possible: the bytes then have to be
/// read. The copy is not on hold yet; whether it is to be stands beside it.
pub(crate) async fn duplicate(
    shared: &Arc<Shared>,
    reference: &StorageReference,
    options: &DuplicateOptions,
) -> Result<Option<(StorageReference, bool)>, StorageError> {
    let Some(second) = shared.keys.second().cloned() else {
        return Ok(None);
    };
    let operation = Operation::Duplicate;
    let bucket = shared.bucket(operation);
    let scope = options.expected_scope();
    let found = match together(shared, &bucket, reference, scope, false).await? {
        Some(together) => together.found,
        None => find_admitted(shared, reference, scope, operation).await?,
    };
    let Resolved { key, descriptor } = found;
    if descriptor.protocol == Protocol::First || descriptor.incoming {
        return Ok(None);
    }
    let source = descriptor.sidecar;
    let metadata = options.metadata().clone();
    let metadata = metadata.for_copy_of(&source.metadata(), source.expires_at);
    let copy = Duplicate {
        description: Description::new(shared, source.mime_type.clone(), metadata)?,
        digest: Digest::new(source.sha256, source.size_bytes),
        second,
    };
    let on_hold = source.hold;
    let copy = match (descriptor.location, shared.options.sharing) {
        (ByteLocation::Shared(generation), Sharing::On) => {
            commit_some(
                shared,
                Unclaimed::Deleted,
                move |shared, cancelled| async move {
                    copy.share(&shared, generation, &cancelled).await
                },
            )
            .await?
        }
        (ByteLocation::Own, Sharing::Off | Sharing::Unsupported) => {
            commit_some(
                shared,
                Unclaimed::Deleted,
                move |shared, cancelled| async move {
                    copy.own(&shared, &key, &source, &cancelled).await
                },
            )
            .await?
        }
        _ => None,
    };
    Ok(copy.map(|copy| (copy, on_hold)))
}

/// The copy that is to be made.
struct Duplicate {
    description: Description,
    digest: Digest,
    second: SecondKeys,
}

impl Duplicate {
    /// Joins the generation of the source, as a store of the same bytes does.
    async fn share(
        self,
        shared: &Shared,
        generation: Nonce,
        cancelled: &CancelFlag,
    ) -> Result<Option<StorageReference>, StorageError> {
        let bucket = shared.bucket(Operation::Duplicate);
        let (key, sidecar) = self.description.new_reference(shared, self.digest)?;
        let content = SecondContent::new(&bucket, &self.second, sidecar.sha256);
        let attempt = SecondStore {
            content: content.clone(),
            objects: self.objects(shared, &key, &sidecar),
            sidecar: &sidecar,
            // Whoever joins a generation writes no bytes.
            payload: &Payload::Bytes(bytes::Bytes::new()),
            parts: shared.options.parts,
            cancelled,
            remembered: Some(generation),
        };
        let confirmed = shared.confirmed.contains(sidecar.sha256, generation);
        let (stored, there) = tokio::join!(second::store(attempt), async {
            confirmed
                || matches!(
                    content.has_blob(generation, self.digest.len).await,
                    Ok(true)
                )
        });
        if there {
            shared.confirmed.insert(sidecar.sha256, generation);
        }
        match stored? {
            SecondAttempt::Stored { generation, .. } => {
                confirm_blob(shared, &content, &key, &sidecar, generation).await?;
                shared.generations.insert(content.name, generation);
                let name = shared.name.as_deref();
                new_reference(&sidecar, Some(generation), bucket.backend(), name).map(Some)
            }
            // The bytes may be under another generation now, or nowhere.
            SecondAttempt::Busy(_) => Ok(None),
        }
    }

    /// Lets the service copy the bytes, if their headers are right for the copy too.
    async fn own(
        self,
        shared: &Shared,
        from: &MediaKey,
        source: &Sidecar,
        cancelled: &CancelFlag,
    ) -> Result<Option<StorageReference>, StorageError> {
        let bucket = shared.bucket(Operation::Duplicate);
        let (key, sidecar) = self.description.new_reference(shared, self.digest)?;
        let headers = |sidecar: &Sidecar| {
            let name = sidecar.filename.as_deref();
            attributes(&sidecar.mime_type, name, sidecar.expires_at)
        };
        // An update changes no headers of the bytes.
        if change_of(source).is_some() || headers(source) != headers(&sidecar) {
            return Ok(None);
        }
        let store = OwnStore {
            objects: self.objects(shared, &key, &sidecar),
            sidecar: &sidecar,
            cancelled,
            repeatable: false,
        };
        match store.copy(from).await {
            Ok(()) => {
                let name = shared.name.as_deref();
                new_reference(&sidecar, None, bucket.backend(), name).map(Some)
            }
            Err(error) if error.is_retryable() => Err(error),
            // Services copy objects up to a size, and not all of them copy at all.
            Err(error) => {
                tracing::debug!(error = %causes(&error), "the service did not copy the bytes; they are read");
                Ok(None)
            }
        }
    }

    fn objects(&self, shared: &Shared, key: &MediaKey, sidecar: &Sidecar) -> ReferenceObjects {
        let bucket = shared.bucket(Operation::Duplicate);
        ReferenceObjects::new(&bucket, &shared.keys, &self.second, key, Some(sidecar))
    }
}
