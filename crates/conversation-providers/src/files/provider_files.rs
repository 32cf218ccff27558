//! The files of an account.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use media_types::{MediaContent, MediaSource, ProviderFile, Sha256, readable::causes};

#[cfg(feature = "http-client")]
use super::anthropic::AnthropicFiles;
use super::fresh::{FreshFile, Upload};
#[cfg(feature = "http-client")]
use super::gemini::GeminiFiles;
#[cfg(feature = "http-client")]
use super::openai::OpenAiFiles;
use super::policy::FilePolicy;
use super::recent_names::RecentNames;
use super::record::{FileKey, FileRecord};
use super::registry::{FileRegistry, MemoryFileRegistry};
use super::service::FileService;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::{MediaContext, MediaUploads, hash_inline, inline_hash};

/// The files that a provider keeps for one account. Cheap to clone; clones share everything.
///
/// ```
/// # #[cfg(feature = "anthropic")]
/// # {
/// use conversation_providers::files::{FilePolicy, ProviderFiles};
///
/// // Media of 1 MiB and more is uploaded once and named by its id from then on.
/// let files = ProviderFiles::anthropic("sk-ant-...", None, FilePolicy::from_size(1024 * 1024));
/// # let _ = files;
/// # }
/// ```
#[derive(Clone)]
pub struct ProviderFiles(Arc<Inner>);

struct Inner {
    service: Arc<dyn FileService>,
    policy: FilePolicy,
    registry: Arc<dyn FileRegistry>,
    /// Uploads that are going on: whoever needs the same waits for the first.
    flights: Mutex<HashMap<FileKey, Weak<tokio::sync::Mutex<()>>>>,
    /// Files that were deleted.
    deleted: RecentNames,
    /// Files that were refused and perhaps could not be deleted: no request names one again.
    lost: RecentNames,
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
            service: Arc::new(service),
            policy,
            registry,
            flights: Mutex::default(),
            deleted: RecentNames::default(),
            lost: RecentNames::default(),
        }))
    }

    /// Creates the files of an OpenAI account; the base URL defaults to OpenAI's.
    #[cfg(feature = "http-client")]
    pub fn openai(key: &str, base_url: Option<&str>, policy: FilePolicy) -> Self {
        Self::new(OpenAiFiles::new(key, base_url), policy)
    }

    /// Creates the files of an Anthropic account; the base URL defaults to Anthropic's.
    #[cfg(feature = "http-client")]
    pub fn anthropic(key: &str, base_url: Option<&str>, policy: FilePolicy) -> Self {
        Self::new(AnthropicFiles::new(key, base_url), policy)
    }

    /// Creates the files of a Gemini account; the base URL defaults to Google's.
    #[cfg(feature = "http-client")]
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

    /// Returns these files with a registry of its own for one conversation, which knows what was
    /// uploaded for it or is used in it; what others uploaded is used too.
    pub fn recorded_in(&self, registry: Arc<dyn FileRegistry>) -> RecordedFiles {
        RecordedFiles {
            files: self.clone(),
            registry,
        }
    }

    /// Returns whether a file is one of this account.
    pub fn owns(&self, record: &FileRecord) -> bool {
        self.key(record.key.sha256) == record.key
    }

    /// Deletes the file of a content at the provider: for media that is erased. Returns whether it
    /// was there.
    ///
    /// # Errors
    /// Those of the provider; the file stays known then, so that it can be tried again.
    pub async fn forget(&self, sha256: &Sha256) -> Result<bool, ProviderError> {
        let key = self.key(*sha256);
        let flight = self.flight(&key);
        // What is being uploaded is deleted too.
        let _one_at_a_time = flight.lock().await;
        match self.0.registry.get(&key).await {
            Some(record) => self.delete(&record).await,
            None => Ok(false),
        }
    }

    /// Deletes a file of this account, known here or not. Returns whether it was there. The provider
    /// is not asked again for one of the newest 4,096 that were deleted here.
    ///
    /// # Errors
    /// Those of the provider.
    pub async fn delete(&self, record: &FileRecord) -> Result<bool, ProviderError> {
        if self.has_deleted(record) {
            return Ok(false);
        }
        let was_there = self.0.service.delete(&record.name).await?;
        if was_there {
            self.0.deleted.add(&record.name);
        }
        self.0.registry.remove(&record.key, &record.id).await;
        Ok(was_there)
    }

    /// Deletes a file of one of these accounts. Where it is the file of another key, each account at
    /// its server is tried: keys are replaced. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the provider, and one where the file is not known to be of any of the accounts.
    pub async fn delete_in(accounts: &[Self], record: &FileRecord) -> Result<bool, ProviderError> {
        if let Some(account) = accounts.iter().find(|account| account.owns(record)) {
            return account.delete(record).await;
        }
        let mut failed = None;
        for account in accounts.iter().filter(|account| account.is_beside(record)) {
            if account.has_deleted(record) {
                return Ok(false);
            }
            match account.delete(record).await {
                Ok(true) => return Ok(true),
                // Whoever has the key of another account is told that there is no such file.
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| {
            ProviderError::new(ProviderErrorKind::NotFound, &record.key.provider)
                .with_reason("the file belongs to an account that is not here")
        }))
    }

    fn is_beside(&self, record: &FileRecord) -> bool {
        let service = &self.0.service;
        record.key.provider == service.provider() && record.key.base_url == service.base_url()
    }

    /// Whether a file is one of the newest that were deleted here.
    fn has_deleted(&self, record: &FileRecord) -> bool {
        self.0.deleted.has(&record.name)
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

    async fn usable(&self, registry: &dyn FileRegistry, key: &FileKey) -> Option<FileRecord> {
        let record = registry.get(key).await?;
        let margin = TimeDelta::from_std(self.0.policy.margin()).unwrap_or_default();
        let is_usable = !record.is_over(Utc::now() + margin) && !self.has_deleted(&record);
        is_usable.then_some(record)
    }

    /// Returns the file of media, as `own` or the account knows it, or uploaded now.
    async fn find_or_upload(
        &self,
        own: Option<&dyn FileRegistry>,
        content: &MediaContent,
        size: u64,
        media: &MediaContext,
    ) -> Result<Option<ProviderFile>, ProviderError> {
        if size < self.0.policy.min_bytes() {
            return Ok(None);
        }
        hash_inline(&[content]).await;
        let Some(sha256) = hash_of(content) else {
            return Ok(None);
        };
        let key = self.key(sha256);
        let flight = self.flight(&key).lock_owned().await;
        let shared = &*self.0.registry;
        if self.holds_lost(own, &key).await {
            return Ok(None);
        }
        if let Some(own) = own {
            if let Some(record) = self.usable(own, &key).await {
                let id = record.id.clone();
                if self.usable(shared, &key).await.is_none() {
                    shared.put(record).await;
                }
                return self.named(&id).map(Some);
            }
            if !own.has_room().await {
                return Ok(None);
            }
        }
        if let Some(record) = self.usable(shared, &key).await {
            let is_placed = match own {
                Some(own) => own.put(record.clone()).await,
                None => true,
            };
            return is_placed.then(|| self.named(&record.id)).transpose();
        }
        let upload = Upload {
            key,
            content: content.clone(),
            bytes: size,
            media: media.clone(),
            keep_for: self.0.policy.keep_for(),
            flight,
        };
        let fresh = FreshFile::upload(&self.0.service, upload).await?;
        let file = self.named(&fresh.record().id)?;
        let Some(own) = own else {
            shared.put(fresh.record().clone()).await;
            fresh.keep();
            return Ok(Some(file));
        };
        // Uploads that run at once may see the same last place.
        if !own.put_uploaded(fresh.record().clone()).await {
            fresh.delete().await?;
            return Ok(None);
        }
        // Kept before anything else is awaited: whoever stops waiting would delete what `own` names.
        let (record, _one_at_a_time) = fresh.keep();
        shared.put(record).await;
        Ok(Some(file))
    }

    /// Deletes a file that the provider refused: what it says may be about the request, and the file be there.
    /// One that cannot be deleted stays known, so that it goes when its media is erased.
    async fn note_lost(&self, own: Option<&dyn FileRegistry>, content: &MediaContent, id: &str) {
        let Some(key) = hash_of(content).map(|sha256| self.key(sha256)) else {
            return;
        };
        for registry in own.into_iter().chain([&*self.0.registry]) {
            let record = registry.get(&key).await;
            let Some(record) = record.filter(|record| record.id == id) else {
                continue;
            };
            // Before anything else is awaited: whoever stops waiting must not name it again.
            self.0.lost.add(&record.name);
            if let Err(error) = self.delete(&record).await {
                tracing::warn!(error = %causes(&error), "a file that was refused cannot be deleted");
                return;
            }
            registry.remove(&key, id).await;
        }
    }

    /// Whether the file of a key was refused and could not be deleted: another in its place would leave it to
    /// nobody.
    async fn holds_lost(&self, own: Option<&dyn FileRegistry>, key: &FileKey) -> bool {
        if self.0.lost.is_empty() {
            return false;
        }
        for registry in own.into_iter().chain([&*self.0.registry]) {
            let record = registry.get(key).await;
            let now = Utc::now();
            if record.is_some_and(|file| self.0.lost.has(&file.name) && !file.is_over(now)) {
                return true;
            }
        }
        false
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
        self.find_or_upload(None, content, size, media).await
    }

    async fn lost(&self, content: &MediaContent, id: &str) {
        self.note_lost(None, content, id).await;
    }
}

/// The files of an account, as one conversation uses them.
#[derive(Clone, Debug)]
pub struct RecordedFiles {
    files: ProviderFiles,
    registry: Arc<dyn FileRegistry>,
}

#[async_trait]
impl MediaUploads for RecordedFiles {
    fn are_to(&self, provider: &str, base_url: &str, account: &str) -> bool {
        self.files.are_to(provider, base_url, account)
    }

    async fn file_of(
        &self,
        content: &MediaContent,
        size: u64,
        media: &MediaContext,
    ) -> Result<Option<ProviderFile>, ProviderError> {
        let own = Some(&*self.registry);
        self.files.find_or_upload(own, content, size, media).await
    }

    async fn lost(&self, content: &MediaContent, id: &str) {
        let own = Some(&*self.registry);
        self.files.note_lost(own, content, id).await;
    }
}

/// The hash of media, where it is known or the bytes are in memory.
fn hash_of(content: &MediaContent) -> Option<Sha256> {
    match content.source() {
        MediaSource::Stored(reference) => reference.sha256(),
        MediaSource::Inline(_) => inline_hash(content),
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
