//! How a manager behaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use media_storage::RetentionPolicy;

/// Bytes of one KiB, in which the threshold counts.
const KIB: u64 = 1024;

/// What happens to a turn whose media cannot be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnStorageError {
    /// The media stays inline in the state, the turn goes on, and the event is reported. It is
    /// tried again when the history is next saved.
    #[default]
    KeepInline,
    /// The turn fails, and the state is as it was before.
    FailTurn,
}

/// Which stored media a conversation may show to its model.
///
/// The store checks it against what was stored with the media, never against the reference, so a
/// reference that a client made up or took from elsewhere is "not available".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceAccess {
    /// Media that was stored for this conversation.
    #[default]
    Conversation,
    /// Media that was stored for this conversation's session.
    Session,
    /// Media that was stored for this conversation's user; for its session where it has no user.
    User,
    /// Whatever the store holds. Only where every reference comes from trusted code.
    Any,
}

/// Options of a manager.
///
/// ```
/// use conversation_sdk::{ManagerConfig, OnStorageError};
/// let config = ManagerConfig::default()
///     .with_media_size_threshold_kb(50)
///     .with_on_storage_error(OnStorageError::FailTurn);
/// assert_eq!(config.media_size_threshold_kb(), 50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerConfig {
    threshold_kb: u64,
    retention: RetentionPolicy,
    on_storage_error: OnStorageError,
    timeout: Duration,
    tool_timeout: Option<Duration>,
    max_history: Option<usize>,
    externalize_history: bool,
    concurrent_stores: usize,
    concurrent_tools: usize,
    reference_access: ReferenceAccess,
    spool_directory: Option<PathBuf>,
    max_received: u64,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            threshold_kb: 100,
            retention: RetentionPolicy::Retain,
            on_storage_error: OnStorageError::KeepInline,
            timeout: Duration::from_secs(60),
            tool_timeout: None,
            max_history: Some(200),
            externalize_history: true,
            concurrent_stores: 4,
            concurrent_tools: 4,
            reference_access: ReferenceAccess::Conversation,
            spool_directory: None,
            max_received: 1024 * 1024 * 1024,
        }
    }
}

impl ManagerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Inline media of at least so many KiB (1024 bytes each, decoded) is externalized; 0 means
    /// all. Default: 100.
    #[must_use]
    pub fn with_media_size_threshold_kb(mut self, kib: u64) -> Self {
        self.threshold_kb = kib;
        self
    }

    /// Retention of the media that conversations store. Default: [`RetentionPolicy::Retain`].
    #[must_use]
    pub fn with_media_default_policy(mut self, policy: RetentionPolicy) -> Self {
        self.retention = policy;
        self
    }

    /// What happens to a turn whose media cannot be stored. Default:
    /// [`OnStorageError::KeepInline`].
    #[must_use]
    pub fn with_on_storage_error(mut self, choice: OnStorageError) -> Self {
        self.on_storage_error = choice;
        self
    }

    /// Longest time of one turn, tools and saving included. Default: 60 s.
    #[must_use]
    pub fn with_default_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Longest time of one tool call; the model is told when it is over. Default: what is left of
    /// the turn.
    #[must_use]
    pub fn with_tool_timeout(mut self, timeout: Duration) -> Self {
        self.tool_timeout = Some(timeout);
        self
    }

    /// Most messages of history that are read and sent with a turn; `None` means all of them, and
    /// a cost that grows with the conversation. The beginning moves in steps of a quarter, so that
    /// a provider's prompt cache keeps its prefix, and never into the middle of a tool exchange.
    /// Default: 200.
    #[must_use]
    pub fn with_max_history_messages(mut self, messages: Option<usize>) -> Self {
        self.max_history = messages;
        self
    }

    /// Whether media that an older history holds inline is externalized when the history is next
    /// saved, some messages each turn. Default: true.
    #[must_use]
    pub fn with_externalize_history(mut self, externalize: bool) -> Self {
        self.externalize_history = externalize;
        self
    }

    /// How many media of one turn are stored at once; at least 1. Default: 4.
    #[must_use]
    pub fn with_concurrent_stores(mut self, stores: usize) -> Self {
        self.concurrent_stores = stores.max(1);
        self
    }

    /// How many tools of one turn run at once; at least 1. Default: 4.
    #[must_use]
    pub fn with_concurrent_tools(mut self, tools: usize) -> Self {
        self.concurrent_tools = tools.max(1);
        self
    }

    /// Which stored media a conversation may show to its model. Default:
    /// [`ReferenceAccess::Conversation`].
    #[must_use]
    pub fn with_reference_access(mut self, access: ReferenceAccess) -> Self {
        self.reference_access = access;
        self
    }

    /// Where media that a model or a tool makes is kept until it is stored: temporary files of this
    /// directory, without a name, gone with the turn or the process. It needs room for the media of
    /// all turns that go on at once; a directory in memory is no gain. Default: the system's
    /// directory for temporary files.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spool_directory = Some(directory.into());
        self
    }

    /// How many bytes of media one turn may receive from models and tools through its
    /// [`MediaReceiver`](crate::receive::MediaReceiver). Default: 1 GiB.
    #[must_use]
    pub fn with_max_received_bytes(mut self, bytes: u64) -> Self {
        self.max_received = bytes;
        self
    }

    /// The threshold in KiB.
    pub fn media_size_threshold_kb(&self) -> u64 {
        self.threshold_kb
    }

    /// The threshold in bytes.
    pub(crate) fn threshold_bytes(&self) -> u64 {
        self.threshold_kb.saturating_mul(KIB)
    }

    /// Retention of the media that conversations store.
    pub fn media_default_policy(&self) -> RetentionPolicy {
        self.retention
    }

    /// What happens to a turn whose media cannot be stored.
    pub fn on_storage_error(&self) -> OnStorageError {
        self.on_storage_error
    }

    /// Longest time of one turn.
    pub fn default_timeout(&self) -> Duration {
        self.timeout
    }

    /// Longest time of one tool call, if it is not the turn's.
    pub fn tool_timeout(&self) -> Option<Duration> {
        self.tool_timeout
    }

    /// Most messages of history that are sent with a turn.
    pub fn max_history_messages(&self) -> Option<usize> {
        self.max_history
    }

    /// Whether media of an older history is externalized when it is next saved.
    pub fn externalize_history(&self) -> bool {
        self.externalize_history
    }

    /// How many media of one turn are stored at once.
    pub fn concurrent_stores(&self) -> usize {
        self.concurrent_stores
    }

    /// How many tools of one turn run at once.
    pub fn concurrent_tools(&self) -> usize {
        self.concurrent_tools
    }

    /// Which stored media a conversation may show to its model.
    pub fn reference_access(&self) -> ReferenceAccess {
        self.reference_access
    }

    /// Where received media is kept until it is stored, if not where the system has its temporary
    /// files.
    pub fn spool_directory(&self) -> Option<&Path> {
        self.spool_directory.as_deref()
    }

    /// How many bytes of media one turn may receive.
    pub fn max_received_bytes(&self) -> u64 {
        self.max_received
    }
}
