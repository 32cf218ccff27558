//! Deleting media of messages that were cut off.

use std::collections::BTreeSet;

use conversation_state::{ConversationRecord, MediaStoreName, ReferenceKey};
use media_storage::{DeleteOptions, Scope, StorageErrorKind};
use media_types::readable::causes;

use crate::core::Core;
use crate::error::LifecycleError;
use crate::media::reference_of;

/// How many references the state is asked about at a time.
const BATCH: usize = 256;

/// Deletes media of a conversation that no message names any more. What cannot be deleted now is
/// found by reconciliation.
///
/// # Errors
/// Those of the state store.
pub(crate) async fn delete_unnamed(
    core: &Core,
    record: &ConversationRecord,
    keys: BTreeSet<ReferenceKey>,
) -> Result<(), LifecycleError> {
    let keys: Vec<ReferenceKey> = keys.into_iter().collect();
    let options = DeleteOptions::new().with_expected_scope(Scope::Conversation(record.id.clone()));
    for batch in keys.chunks(BATCH) {
        let named = core.state.references(batch).await?;
        for (key, is_named) in batch.iter().zip(named) {
            let name = MediaStoreName::new(key.backend.clone(), key.store.clone());
            let (Some(store), Some(reference)) = (core.stores.named(&name), reference_of(key))
            else {
                continue;
            };
            if is_named {
                continue;
            }
            match store.delete_opts(&reference, options.clone()).await {
                Ok(()) => {}
                // Another conversation's, or gone.
                Err(error) if error.kind() == StorageErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(error = %causes(&error), "media of a cut-off message is left")
                }
            }
        }
    }
    Ok(())
}
