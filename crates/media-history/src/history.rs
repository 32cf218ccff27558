//! The handle that everything is called on.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use media_storage::{MediaBody, MediaMetadata, MediaStorage, Scope};
use media_types::StorageReference;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{HistoryError, HistoryOperation, into_storage};
use crate::journal::Journal;
use crate::key::HistoryKey;
use crate::known::Known;
use crate::lifetime;
use crate::placeholder::{Placeholder, find};
use crate::report::{ForgetReport, Report, RestoreReport};
use crate::restore::{Restorer, look_up, restored_len};
use crate::settings::{OnMissing, Owner, Rules, Settings};
use crate::stand_in;
use crate::weave::externalize;

/// How many new references a stream lists when it fails.
const MAX_LISTED: usize = 10_000;

/// Moves media between histories and a store.
///
/// A history is any text in JSON, JSON Lines or a JSON sequence: a file, a row, a column, a request.
/// A replaced value stays a string in the same place, so that every reader that keeps media as
/// strings still loads the history.
///
/// Clones share everything; `Send + Sync`.
///
/// ```
/// use media_history::{History, HistoryKey};
/// use media_storage::{InMemoryStorage, Scope};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InMemoryStorage::new();
/// let history = History::new(&store, HistoryKey::new("a secret of at least 16 bytes")?)
///     .with_scope(Scope::User("user123".parse()?));
/// let row = br#"[{"role":"user","content":[{"type":"text","text":"hello"}]}]"#;
///
/// let slim = history.externalize(row).await?;
/// let whole = history.restore(slim.bytes()).await?;
/// assert_eq!(whole, &row[..]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct History {
    pub(crate) settings: Settings,
}

/// A history without its media, and what was done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slim {
    bytes: Bytes,
    report: Report,
}

impl Slim {
    /// Returns the text of the slim history.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns what was replaced and what was left.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns both.
    pub fn into_parts(self) -> (Bytes, Report) {
        (self.bytes, self.report)
    }
}

impl History {
    /// Creates a handle that stores to, and reads from, `store`.
    pub fn new<S: MediaStorage + Clone>(store: &S, key: HistoryKey) -> Self {
        Self {
            settings: Settings {
                stores: vec![Arc::new(store.clone())],
                key,
                scope: None,
                metadata: MediaMetadata::new(),
                rules: Rules {
                    threshold: 100 * 1024,
                    small: false,
                    opaque: false,
                    numbers: false,
                },
                known: Arc::default(),
                on_missing: OnMissing::default(),
                spool_directory: None,
                journal: None,
            },
        }
    }

    /// Adds a store that placeholders are resolved from, by its backend and name. Defaults to none
    /// but the first.
    #[must_use]
    pub fn with_store<S: MediaStorage + Clone>(mut self, store: &S) -> Self {
        self.settings.stores.push(Arc::new(store.clone()));
        self
    }

    /// Sets whose media this is. Media is stored with the scope's id, placeholders hold for the scope
    /// alone, and only media of the scope is ever restored. There is no default.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.settings.scope = Some(scope);
        self
    }

    /// Does without a scope: any placeholder written so is resolved for anyone. Only for histories of
    /// one owner.
    #[must_use]
    pub fn unscoped(self) -> Self {
        self.with_scope(Scope::All)
    }

    /// Sets what is said about media that is stored. Defaults to the id of the scope.
    #[must_use]
    pub fn with_metadata(mut self, metadata: MediaMetadata) -> Self {
        self.settings.metadata = metadata;
        self
    }

    /// Sets the smallest media that is replaced, in KiB of decoded bytes; 0 means all. Defaults to 100.
    #[must_use]
    pub fn with_threshold_kb(mut self, kib: u64) -> Self {
        self.settings.rules.threshold = kib.saturating_mul(1024);
        self
    }

    /// Sets the smallest media that is replaced, in decoded bytes; 0 means all. Defaults to 102,400.
    #[must_use]
    pub fn with_threshold_bytes(mut self, bytes: u64) -> Self {
        self.settings.rules.threshold = bytes;
        self
    }

    /// Sets whether media is replaced although its placeholder is longer than its text. Defaults to
    /// false.
    #[must_use]
    pub fn with_short_values(mut self, replace: bool) -> Self {
        self.settings.rules.small = replace;
        self
    }

    /// Sets whether signatures and encrypted reasoning are replaced like media. Defaults to false.
    #[must_use]
    pub fn with_opaque(mut self, replace: bool) -> Self {
        self.settings.rules.opaque = replace;
        self
    }

    /// Sets whether bytes that are written as numbers are replaced: the array of a Node `Buffer` or of
    /// a `Vec<u8>`, the object of a `Uint8Array` (`{"0":137,"1":80}`). Defaults to false.
    ///
    /// Their placeholder is a string, so that readers that expect numbers refuse the slim history.
    /// Restoring needs no such setting.
    #[must_use]
    pub fn with_number_arrays(mut self, replace: bool) -> Self {
        self.settings.rules.numbers = replace;
        self
    }

    /// Sets what restoring does when media is missing. Defaults to [`OnMissing::Fail`].
    #[must_use]
    pub fn with_on_missing(mut self, on_missing: OnMissing) -> Self {
        self.settings.on_missing = on_missing;
        self
    }

    /// Sets the directory for temporary files, which large values are kept in while they are read.
    /// They have no name and are gone with the process. Defaults to the system's.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.settings.spool_directory = Some(directory.as_ref().into());
        self
    }

    /// Uses the references that an earlier slim form of the history names, for equal bytes, instead of
    /// making new ones. Defaults to none.
    ///
    /// For a loop that externalizes its raw history each turn. Set the scope first.
    ///
    /// # Errors
    /// Returns `Config` without a scope.
    pub fn with_known(mut self, slim: &[u8]) -> Result<Self, HistoryError> {
        let owner = self.settings.owner(HistoryOperation::Externalize)?;
        let mut known = Known::clone(&self.settings.known);
        for (_, is_ours, candidate) in find(slim, &self.settings.key, &owner.tag) {
            let placeholder = candidate.placeholder;
            if is_ours {
                let Placeholder { size, sha256, .. } = placeholder;
                known.insert(size, sha256, placeholder.reference);
            }
        }
        self.settings.known = Arc::new(known);
        Ok(self)
    }

    /// Lists new references in a journal, and uses those that are listed there.
    pub(crate) fn journaled(&self, journal: Journal, listed: &[StorageReference]) -> Self {
        let mut known = Known::clone(&self.settings.known);
        for reference in listed {
            if let Some((size, sha256)) = reference.size().zip(reference.sha256()) {
                known.insert(size, sha256, reference.clone());
            }
        }
        let mut history = self.clone();
        history.settings.known = Arc::new(known);
        history.settings.journal = Some(journal);
        history
    }

    /// Deletes references; returns how many were there. `None` if some are of another scope, and stay.
    pub(crate) async fn forget_listed(
        &self,
        listed: &[StorageReference],
    ) -> Result<Option<u64>, HistoryError> {
        lifetime::delete_all(&self.settings, listed).await
    }

    /// Replaces the media of a history by placeholders, in memory.
    ///
    /// When it fails, media that it stored is deleted again as far as that works. Media of a call whose
    /// future is dropped, or whose process dies, is an orphan.
    ///
    /// # Errors
    /// Returns `Config` without a scope; `Storage`, `Spool` when media cannot be kept. Text that is not
    /// JSON is no error: see [`Report::fault`].
    pub async fn externalize(&self, history: &[u8]) -> Result<Slim, HistoryError> {
        // Pages that are not written to are not taken; growing would copy.
        let mut bytes = Vec::with_capacity(history.len());
        let report = match externalize(&self.settings, history, &mut bytes, usize::MAX).await {
            Ok(report) => report,
            Err(mut error) => {
                lifetime::discard(&self.settings, error.take_stored()).await;
                return Err(error);
            }
        };
        Ok(Slim {
            bytes: bytes.into(),
            report,
        })
    }

    /// Replaces the media of a history by placeholders, from a reader to a writer, in bounded memory.
    ///
    /// Media is stored before the text that names it is written. When it fails, what was written names
    /// media that is stored, and the error lists the first 10,000 of it. After a dropped future, media may be stored that no
    /// text names: an orphan.
    ///
    /// # Errors
    /// As [`History::externalize`], and `Read` and `Write`.
    pub async fn externalize_stream<R, W>(
        &self,
        reader: R,
        writer: W,
    ) -> Result<Report, HistoryError>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        externalize(&self.settings, reader, writer, MAX_LISTED).await
    }

    /// Puts the media back, in memory.
    ///
    /// # Errors
    /// Returns `Missing` for media that is gone or of another scope, `Corrupted`, `Storage`, `Config`.
    /// Nothing is returned that holds a placeholder of ours.
    pub async fn restore(&self, slim: &[u8]) -> Result<Bytes, HistoryError> {
        let mut whole = Vec::with_capacity(slim.len());
        self.restore_stream(slim, &mut whole).await?;
        Ok(whole.into())
    }

    /// Puts the media back, from a reader to a writer, in bounded memory.
    ///
    /// # Errors
    /// As [`History::restore`], and `Read` and `Write`. What was written is of no use after an error.
    pub async fn restore_stream<R, W>(
        &self,
        reader: R,
        writer: W,
    ) -> Result<RestoreReport, HistoryError>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        if self.settings.on_missing == OnMissing::Text {
            return stand_in::restore(&self.settings, reader, writer).await;
        }
        let restorer = Restorer::new(self.settings.clone(), reader)?;
        restorer.write_to(writer).await
    }

    /// Puts back what externalizing took out of `original`; the placeholders that are in it stay.
    pub(crate) async fn restore_original<R, W>(
        &self,
        reader: R,
        writer: W,
        original: File,
    ) -> Result<RestoreReport, HistoryError>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        let restorer = Restorer::new(self.settings.clone(), reader)?;
        restorer.with_original(original).write_to(writer).await
    }

    /// Returns the restored history as a body whose length is known before any media is read: for the
    /// body of a request.
    ///
    /// Every placeholder is looked up before this returns, so that a request whose media is missing is
    /// never begun. Media is read while the body is; a failure then is the body's last item.
    ///
    /// # Errors
    /// As [`History::restore`].
    pub async fn restore_body(&self, slim: &[u8]) -> Result<MediaBody, HistoryError> {
        let slim = match self.settings.on_missing {
            OnMissing::Text => stand_in::put(&self.settings, slim).await?.0.into(),
            _ => Bytes::copy_from_slice(slim),
        };
        let len = restored_len(&self.settings, &slim)?;
        look_up(&self.settings, &slim).await?;
        let reader = Cursor::new(slim);
        let restorer = Restorer::new(self.settings.clone(), reader)?;
        let pieces = stream::try_unfold(restorer, |mut restorer| async move {
            let piece = restorer.next().await.map_err(into_storage)?;
            Ok(piece.map(|piece| (piece, restorer)))
        });
        Ok(MediaBody::from_stream(Some(len), pieces))
    }

    /// Deletes the media that a slim history names: call it when its row is deleted.
    ///
    /// # Errors
    /// Returns `Storage` at the first reference that cannot be deleted; call it again then.
    pub async fn forget(&self, old: &[u8]) -> Result<ForgetReport, HistoryError> {
        lifetime::delete(&self.settings, old, &[]).await
    }

    /// Deletes the media that `old` names and `new` does not: call it after `new` was committed in the
    /// place of `old`. What `new` names with another key or for another scope stays too.
    ///
    /// # Errors
    /// As [`History::forget`].
    pub async fn replace(&self, old: &[u8], new: &[u8]) -> Result<ForgetReport, HistoryError> {
        lifetime::delete(&self.settings, old, new).await
    }

    /// Copies a slim history for another owner: each reference is duplicated and each placeholder
    /// written anew, so that either history can be deleted without harm to the other.
    ///
    /// Use a handle with `scope` for the copy from then on.
    ///
    /// # Errors
    /// Returns `Missing` for media that is gone, `Storage`, `Config`; copies made so far are deleted.
    pub async fn fork(
        &self,
        slim: &[u8],
        scope: Scope,
        metadata: MediaMetadata,
    ) -> Result<Bytes, HistoryError> {
        let to = Owner::new(scope, HistoryOperation::Fork)?;
        let (copy, _) = lifetime::fork(&self.settings, slim, to, metadata).await?;
        Ok(copy)
    }

    /// Returns the references that a slim history names, each once.
    ///
    /// # Errors
    /// Returns `Config` without a scope.
    pub fn references(&self, slim: &[u8]) -> Result<Vec<StorageReference>, HistoryError> {
        let owner = self.settings.owner(HistoryOperation::Check)?;
        Ok(lifetime::references(&self.settings, &owner, slim))
    }
}
