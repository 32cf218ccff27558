//! Settings of the externalizer.

use media_storage::RetentionPolicy;

use super::remote::RemoteMedia;

/// The size from which media goes to the store by default.
const DEFAULT_THRESHOLD: u64 = 100 * 1024;
/// How much of a message's media stays inline by default when the store fails.
const DEFAULT_MAX_INLINE: u64 = 8 * 1024 * 1024;
/// How many media items are stored at once by default.
const DEFAULT_CONCURRENCY: usize = 4;
/// How many URLs of a batch are fetched by default.
const DEFAULT_MAX_FETCHES: usize = 32;
/// How many bytes the fetches of a batch bring by default.
const DEFAULT_MAX_FETCHED: u64 = 128 * 1024 * 1024;

/// What happens to media that the store does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnStorageError {
    /// It stays inline in its message, up to a limit, and is stored later. This is the default.
    #[default]
    KeepInline,
    /// The turn fails: a user's message is refused, and an answer is kept without the media.
    FailTurn,
}

/// Options for moving media out of messages.
#[derive(Clone, Debug)]
pub struct ExternalizeOptions {
    threshold_bytes: u64,
    retention: Option<RetentionPolicy>,
    on_storage_error: OnStorageError,
    max_inline_bytes_per_message: u64,
    max_message_bytes: u64,
    concurrency: usize,
    remote_media: RemoteMedia,
    max_fetches: usize,
    max_fetched_bytes: u64,
}

impl Default for ExternalizeOptions {
    fn default() -> Self {
        Self {
            threshold_bytes: DEFAULT_THRESHOLD,
            retention: None,
            on_storage_error: OnStorageError::default(),
            max_inline_bytes_per_message: DEFAULT_MAX_INLINE,
            max_message_bytes: u64::MAX,
            concurrency: DEFAULT_CONCURRENCY,
            remote_media: RemoteMedia::default(),
            max_fetches: DEFAULT_MAX_FETCHES,
            max_fetched_bytes: DEFAULT_MAX_FETCHED,
        }
    }
}

impl ExternalizeOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the decoded size in bytes from which inline media is stored; 0 stores all. Defaults to
    /// 100 KiB.
    #[must_use]
    pub fn with_threshold_bytes(mut self, bytes: u64) -> Self {
        self.threshold_bytes = bytes;
        self
    }

    /// Sets how long stored media is kept. Defaults to `None`: the store's own default holds.
    #[must_use]
    pub fn with_retention(mut self, retention: Option<RetentionPolicy>) -> Self {
        self.retention = retention;
        self
    }

    /// Sets what happens to media that the store does not take. Defaults to
    /// [`OnStorageError::KeepInline`].
    #[must_use]
    pub fn with_on_storage_error(mut self, on_storage_error: OnStorageError) -> Self {
        self.on_storage_error = on_storage_error;
        self
    }

    /// Sets how many decoded bytes of media a message may hold when the store fails; media beyond
    /// that is omitted. Defaults to 8 MiB.
    #[must_use]
    pub fn with_max_inline_bytes_per_message(mut self, bytes: u64) -> Self {
        self.max_inline_bytes_per_message = bytes;
        self
    }

    /// Sets how large the JSON of a message may be, text and base64 together: the limit of the state
    /// store, which media that stays inline must not exceed. Defaults to no limit.
    #[must_use]
    pub fn with_max_message_bytes(mut self, bytes: u64) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sets how many media items of a batch are stored at once; at least one is. Defaults to 4.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Sets what happens to media that a message names by a URL. Defaults to
    /// [`RemoteMedia::FetchAndKeep`].
    #[must_use]
    pub fn with_remote_media(mut self, remote_media: RemoteMedia) -> Self {
        self.remote_media = remote_media;
        self
    }

    /// Sets how many different URLs of a batch are fetched. Media at further ones stays a URL, or is
    /// omitted where the URL holds secrets. Defaults to 32.
    #[must_use]
    pub fn with_max_fetches(mut self, urls: usize) -> Self {
        self.max_fetches = urls;
        self
    }

    /// Sets how many bytes the fetches of a batch bring, all together. What is beyond counts as not
    /// fetched. Defaults to 128 MiB.
    #[must_use]
    pub fn with_max_fetched_bytes(mut self, bytes: u64) -> Self {
        self.max_fetched_bytes = bytes;
        self
    }

    /// Returns how many different URLs of a batch are fetched.
    pub fn max_fetches(&self) -> usize {
        self.max_fetches
    }

    /// Returns how many bytes the fetches of a batch bring, all together.
    pub fn max_fetched_bytes(&self) -> u64 {
        self.max_fetched_bytes
    }

    /// Returns what happens to media that a message names by a URL.
    pub fn remote_media(&self) -> RemoteMedia {
        self.remote_media
    }

    /// Returns the decoded size in bytes from which inline media is stored.
    pub fn threshold_bytes(&self) -> u64 {
        self.threshold_bytes
    }

    /// Returns how long stored media is kept, unless the store decides.
    pub fn retention(&self) -> Option<RetentionPolicy> {
        self.retention
    }

    /// Returns what happens to media that the store does not take.
    pub fn on_storage_error(&self) -> OnStorageError {
        self.on_storage_error
    }

    /// Returns how many decoded bytes of media a message may hold when the store fails.
    pub fn max_inline_bytes_per_message(&self) -> u64 {
        self.max_inline_bytes_per_message
    }

    /// Returns how large the JSON of a message may be.
    pub fn max_message_bytes(&self) -> u64 {
        self.max_message_bytes
    }

    /// Returns how many media items of a batch are stored at once.
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }
}
