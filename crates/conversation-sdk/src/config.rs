//! Options of a manager.

use std::path::{Path, PathBuf};
use std::time::Duration;

use conversation_externalizer::{OnStorageError, RemoteMedia};
use media_storage::RetentionPolicy;

use crate::policy::{
    Checkpoint, Externalization, ForeignMedia, LeaseTimes, MissingTools, OnDrop, ReferenceAccess,
};

/// Bytes of one KiB, in which the threshold counts.
const KIB: u64 = 1024;

macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $type:ty = $default:expr, $returns:literal;)*) => {
        /// Options of a manager.
        ///
        /// ```
        /// use conversation_sdk::{ManagerConfig, OnStorageError};
        /// let config = ManagerConfig::default()
        ///     .with_media_size_threshold_kb(50)
        ///     .with_on_storage_error(OnStorageError::FailTurn);
        /// assert_eq!(config.media_size_threshold_kb(), 50);
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub struct ManagerConfig {
            $($get: $type,)*
            spool_directory: Option<PathBuf>,
        }

        impl Default for ManagerConfig {
            fn default() -> Self {
                Self { $($get: $default,)* spool_directory: None }
            }
        }

        impl ManagerConfig {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $set(mut self, value: $type) -> Self {
                    self.$get = value;
                    self
                }

                #[doc = $returns]
                pub fn $get(&self) -> $type {
                    self.$get
                }
            )*
        }
    };
}

options! {
    /// Sets the size from which inline media is stored, in KiB (1024 bytes, decoded); 0 means all.
    /// Defaults to 100.
    with_media_size_threshold_kb, media_size_threshold_kb: u64 = 100,
        "Returns the size from which inline media is stored, in KiB.";
    /// Sets the retention of media that conversations store. Defaults to `None`: the store's own
    /// default holds.
    with_media_retention, media_retention: Option<RetentionPolicy> = None,
        "Returns the retention of media that conversations store, unless it is the store's own.";
    /// Sets what happens to a turn whose media cannot be stored. Defaults to
    /// [`OnStorageError::KeepInline`].
    with_on_storage_error, on_storage_error: OnStorageError = OnStorageError::KeepInline,
        "Returns what happens to a turn whose media cannot be stored.";
    /// Sets what happens to media that messages and answers name by a URL. Defaults to
    /// [`RemoteMedia::FetchAndKeep`].
    with_remote_media, remote_media: RemoteMedia = RemoteMedia::FetchAndKeep,
        "Returns what happens to media that messages and answers name by a URL.";
    /// Sets the longest time of one turn, tools and saving included. Defaults to 10 minutes.
    with_turn_timeout, turn_timeout: Duration = Duration::from_secs(600),
        "Returns the longest time of one turn.";
    /// Sets the longest time of a tool call whose tool states none of its own. Defaults to 60 s.
    with_tool_timeout, tool_timeout: Duration = Duration::from_secs(60),
        "Returns the longest time of a tool call whose tool states none of its own.";
    /// Sets how many turns of the history are sent with a new one; `None` means all, at a cost that
    /// grows with the conversation. The beginning moves in steps of a quarter, so that a provider's
    /// prompt cache keeps its prefix. Defaults to 100.
    with_max_history_turns, max_history_turns: Option<usize> = Some(100),
        "Returns how many turns of the history are sent with a new one.";
    /// Sets whether media that an older history holds inline is stored by upkeep. Defaults to true.
    with_externalize_history, externalize_history: bool = true,
        "Returns whether media that an older history holds inline is stored by upkeep.";
    /// Sets how many media items of one turn are stored at once; at least 1. Defaults to 4.
    with_concurrent_stores, concurrent_stores: usize = 4,
        "Returns how many media items of one turn are stored at once.";
    /// Sets how many tools of one turn run at once; at least 1. Defaults to 4.
    with_concurrent_tools, concurrent_tools: usize = 4,
        "Returns how many tools of one turn run at once.";
    /// Sets which stored media a conversation may show to its model. Defaults to
    /// [`ReferenceAccess::Conversation`].
    with_reference_access, reference_access: ReferenceAccess = ReferenceAccess::Conversation,
        "Returns which stored media a conversation may show to its model.";
    /// Sets whether a user's message may name media of other owners and file ids of providers.
    /// Defaults to [`ForeignMedia::Refuse`].
    with_foreign_media, foreign_media: ForeignMedia = ForeignMedia::Refuse,
        "Returns whether a user's message may name media of other owners.";
    /// Sets what happens to a running turn when its future or events are dropped. Defaults to
    /// [`OnDrop::Cancel`].
    with_on_drop, on_drop: OnDrop = OnDrop::Cancel,
        "Returns what happens to a running turn when its future or events are dropped.";
    /// Sets how often a partial answer is written; `None` writes none. Defaults to
    /// [`Checkpoint::default`].
    with_checkpoint, checkpoint: Option<Checkpoint> = Some(Checkpoint::default()),
        "Returns how often a partial answer is written.";
    /// Sets the times of the lease of a running turn. Defaults to [`LeaseTimes::default`].
    with_lease_times, lease_times: LeaseTimes = LeaseTimes::default(),
        "Returns the times of the lease of a running turn.";
    /// Sets how often a turn may ask a provider over retries and repairs; rounds that make progress
    /// count nothing. At least 1. Defaults to 6.
    with_max_attempts, max_attempts: u32 = 6,
        "Returns how often a turn may ask a provider without progress.";
    /// Sets how long an unclear write to the state is repeated until its outcome is known. Defaults
    /// to 30 s.
    with_state_retry_time, state_retry_time: Duration = Duration::from_secs(30),
        "Returns how long an unclear write to the state is repeated.";
    /// Sets when the media of an answer is stored. Defaults to [`Externalization::Immediate`].
    with_externalization, externalization: Externalization = Externalization::Immediate,
        "Returns when the media of an answer is stored.";
    /// Sets what happens when a prompt lists a tool that the manager does not have. Defaults to
    /// [`MissingTools::Fail`].
    with_missing_tools, missing_tools: MissingTools = MissingTools::Fail,
        "Returns what happens when a prompt lists a tool that the manager does not have.";
    /// Sets how many bytes of media one turn may receive from models and tools. Defaults to 1 GiB.
    with_max_generated_media_bytes, max_generated_media_bytes: u64 = 1024 * 1024 * 1024,
        "Returns how many bytes of media one turn may receive from models and tools.";
    /// Sets how many bytes of media a message may keep inline where the store fails; the state
    /// store's own limit holds as well. Defaults to 8 MiB.
    with_max_inline_bytes, max_inline_bytes: u64 = 8 * 1024 * 1024,
        "Returns how many bytes of media a message may keep inline where the store fails.";
    /// Sets how often upkeep runs in the background: expired media, unfinished deletions, orphans,
    /// media that was kept inline. Defaults to `None`: only what a manager finds at its start.
    with_background_upkeep, background_upkeep: Option<Duration> = None,
        "Returns how often upkeep runs in the background.";
}

impl ManagerConfig {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the retention of media that conversations store, over the store's own default.
    #[must_use]
    pub fn with_media_default_policy(self, policy: RetentionPolicy) -> Self {
        self.with_media_retention(Some(policy))
    }

    /// Sets the directory of the temporary files in which generated media is kept until it is
    /// stored. It needs room for the media of all turns that run at once. Defaults to the system's
    /// directory for temporary files.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spool_directory = Some(directory.into());
        self
    }

    /// Returns the directory of temporary files, unless it is the system's.
    pub fn spool_directory(&self) -> Option<&Path> {
        self.spool_directory.as_deref()
    }

    pub(crate) fn threshold_bytes(&self) -> u64 {
        self.media_size_threshold_kb.saturating_mul(KIB)
    }
}
