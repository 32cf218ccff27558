//! The files of an account.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource, ProviderFile, Sha256};

use super::anthropic::AnthropicFiles;
use super::gemini::GeminiFiles;
use super::openai::OpenAiFiles;
use super::policy::FilePolicy;
use super::record::{FileKey, FileRecord};
use super::registry::{FileRegistry, MemoryFileRegistry};
use super::service::FileService;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::{MediaContext, MediaUploads};

/// The files that a provider keeps for one account. Cheap to clone; clones share everything.
///
/// ```
/// use conversation_providers::files::{FilePolicy, ProviderFiles};
///
/// // Media of 1 MiB and more is uploaded once and named by its id from then on.
/// let files = ProviderFiles::anthropic("sk-ant-...", None, FilePolicy::from_size(1024 * 1024));
/// # let _ = files;
/// ```
#[derive(Clone)]
pub struct ProviderFiles(Arc<Inner>);

struct Inner {
    service: Box<dyn FileService>,
    policy: FilePolicy,
    registry: Arc<dyn FileRegistry>,
    /// Uploads that are going on: whoever needs the same waits for the first.
    flights: Mutex<HashMap<FileKey, Weak<tokio::sync::Mutex<()>>>>,
}

impl ProviderFiles {
    /// Creates the files of an account, with their ids in memory.
    pub fn new(service: impl FileService, policy: FilePolicy) -> Self {
        let registry = Arc::new(MemoryFileRegistry::new());
        Self::with_registry(service, policy, registry)
    }

    /// Creates the files of an account, with their ids in a registry.
    pub fn with_registry(
        service: impl FileService,
        policy: FilePolicy,
        registry: Arc<dyn FileRegistry>,
    ) -> Self {
        Self(Arc::new(Inner {
            service: Box::new(service),
            policy,
            registry,
            flights: Mutex::default(),
        }))
    }

    /// Creates the files of an OpenAI account; the base URL defaults to OpenAI's.
    pub fn openai(key: &str, base_url: Option<&str>, policy: FilePolicy) -> Self {
        Self::new(OpenAiFiles::new(key, base_url), policy)
    }

    /// Creates the files of an Anthropic account; the base URL defaults to Anthropic's.
    pub fn anthropic(key: &str, base_url: Option<&str>, policy: FilePolicy) -> Self {
        Self::new(AnthropicFiles::new(key, base_url), policy)
    }

    /// Creates the files of a Gemini account; the base URL defaults to Google's.
    pub fn gemini(key: &str, base_url: Option<&str>, policy: FilePolicy) -> Self {
        Self::new(GeminiFiles::new(key, base_url), policy)
    }

    /// Returns the provider: `openai`, `anthropic`, `gemini`.
    pub fn provider(&self) -> &'static str {
        self.0.service.provider()
    }

    /// Returns the policy.
    pub fn policy(&self) -> FilePolicy {
        self.0.policy
    }

    /// Deletes the file of a content at the provider: for media that is erased. Returns the number
    /// of files that were deleted. Files of other accounts are left to these.
    ///
    /// # Errors
    /// Those of the provider; the file stays known then, so that it can be tried again.
    pub async fn forget(&self, sha256: &Sha256) -> Result<usize, ProviderError> {
        let key = self.key(*sha256);
        let flight = self.flight(&key);
        // What is being uploaded is deleted too.
        let _one_at_a_time = flight.lock().await;
        let Some(record) = self.0.registry.get(&key).await else {
            return Ok(0);
        };
        self.0.service.delete(&record.name).await?;
        self.0.registry.remove(&key, &record.id).await;
        Ok(1)
    }

    fn key(&self, sha256: Sha256) -> FileKey {
        let service = &self.0.service;
        FileKey::new(
            service.provider(),
            service.base_url(),
            service.account(),
            sha256,
        )
    }

    fn named(&self, id: &str) -> Result<ProviderFile, ProviderError> {
        ProviderFile::new(self.provider(), id).map_err(|error| {
            ProviderError::new(ProviderErrorKind::InvalidResponse, self.provider())
                .with_source(error)
        })
    }

    async fn usable(&self, key: &FileKey) -> Option<FileRecord> {
        let record = self.0.registry.get(key).await?;
        let margin = TimeDelta::from_std(self.0.policy.margin()).unwrap_or_default();
        let is_usable = record
            .expires_at
            .is_none_or(|end| Utc::now() + margin < end);
        is_usable.then_some(record)
    }

    /// The lock of a key; of those that nobody holds none is kept.
    fn flight(&self, key: &FileKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self
            .0
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(key.clone(), Arc::downgrade(&flight));
        flight
    }
}

#[async_trait]
impl MediaUploads for ProviderFiles {
    fn are_to(&self, provider: &str, base_url: &str, account: &str) -> bool {
        let service = &self.0.service;
        service.provider() == provider
            && service.base_url() == base_url
            && service.account() == account
    }

    async fn file_of(
        &self,
        content: &MediaContent,
        size: u64,
        media: &MediaContext,
    ) -> Result<Option<ProviderFile>, ProviderError> {
        if size < self.0.policy.min_bytes() {
            return Ok(None);
        }
        let Some(sha256) = hash_of(content) else {
            return Ok(None);
        };
        let key = self.key(sha256);
        let flight = self.flight(&key);
        let _one_at_a_time = flight.lock().await;
        if let Some(record) = self.usable(&key).await {
            return self.named(&record.id).map(Some);
        }
        let service = &self.0.service;
        let uploaded = service
            .upload(content, media, self.0.policy.keep_for())
            .await?;
        let id = uploaded.id.clone();
        let record = FileRecord {
            key,
            id: uploaded.id,
            name: uploaded.name,
            expires_at: uploaded.expires_at,
        };
        self.0.registry.put(record).await;
        self.named(&id).map(Some)
    }

    async fn lost(&self, content: &MediaContent, id: &str) {
        if let Some(sha256) = hash_of(content) {
            self.0.registry.remove(&self.key(sha256), id).await;
        }
    }
}

/// The hash of media, where it is known or the bytes are in memory.
fn hash_of(content: &MediaContent) -> Option<Sha256> {
    match content.source() {
        MediaSource::Stored(reference) => reference.sha256(),
        MediaSource::Inline(bytes) => Some(Sha256Hasher::digest(bytes)),
        _ => None,
    }
}

impl fmt::Debug for ProviderFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderFiles")
            .field("service", &self.0.service)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
