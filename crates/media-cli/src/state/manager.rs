//! A manager of conversations that asks no model.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_sdk::{
    ConversationError, ConversationManager, ManagerConfig, MediaContext, OnStorageError, Provider,
    ProviderError, ProviderErrorKind, ProviderRequest, ProviderResponse, StateStore,
};
use media_loader::{FileAccess, MediaLoader};
use media_storage::MediaStorage;

use crate::failure::{Failure, Outcome};

/// Creates a manager over a database and a store. All media of a message is stored, whatever its size,
/// or the message is not written. Of files, only those below `files` are read.
pub(crate) fn manager(
    state: impl StateStore,
    store: Arc<dyn MediaStorage>,
    files: Option<&Path>,
) -> Outcome<ConversationManager> {
    let config = ManagerConfig::new()
        .with_media_size_threshold_kb(0)
        .with_on_storage_error(OnStorageError::FailTurn);
    let mut builder = ConversationManager::builder()
        .with_provider(NoModel)
        .with_state_store(state)
        .with_media_storage(store)
        .with_config(config);
    if let Some(files) = files {
        let loader = MediaLoader::builder()
            .with_file_access(FileAccess::Under(files.to_owned()))
            .with_max_bytes(u64::MAX);
        builder = builder.with_media_loader(loader.build());
    }
    builder.build().map_err(failure)
}

/// Turns an error of a conversation into one of the command.
pub(crate) fn failure(error: ConversationError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match std::error::Error::source(&error) {
        Some(source) => failure.because(source.to_string()),
        None => failure,
    }
}

/// Stands where a manager needs a model; nothing here ever asks it.
#[derive(Debug)]
struct NoModel;

#[async_trait]
impl Provider for NoModel {
    fn name(&self) -> &str {
        "none"
    }

    fn model(&self) -> &str {
        "none"
    }

    async fn complete(
        &self,
        _: ProviderRequest<'_>,
        _: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        Err(ProviderError::new(ProviderErrorKind::Connect, "none"))
    }
}
