//! The files that providers keep for one conversation: read when they are needed, written with the
//! messages of a turn.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::files::{FileKey, FileRecord, FileRegistry, FileRows, TrackedFiles};
use conversation_state::{LoadOptions, PlannerEntry, StateError, StateStore, Window};
use media_types::{ConversationId, readable::causes};
use tokio::sync::Mutex;

/// The files of a conversation, as a turn sees and changes them.
#[derive(Debug)]
pub(crate) struct ConversationFiles {
    store: Arc<dyn StateStore>,
    conversation: ConversationId,
    /// `None` until they are read.
    files: Mutex<Option<TrackedFiles>>,
}

impl ConversationFiles {
    pub(crate) fn new(store: &Arc<dyn StateStore>, conversation: &ConversationId) -> Self {
        Self {
            store: Arc::clone(store),
            conversation: conversation.clone(),
            files: Mutex::default(),
        }
    }

    /// Returns the rows that are to be written, at most `most`.
    pub(crate) async fn unwritten(&self, most: usize) -> Vec<PlannerEntry> {
        let files = self.files.lock().await;
        let rows = files.as_ref().map(|files| files.unwritten(most));
        let rows = rows.into_iter().flatten();
        rows.map(|(key, value)| PlannerEntry::new(key, value))
            .collect()
    }

    /// Notes that rows were written.
    pub(crate) async fn note_written(&self, written: &[PlannerEntry]) {
        if let Some(files) = &mut *self.files.lock().await {
            files.note_written(written.iter().map(|row| (row.key.as_str(), &row.value)));
        }
    }

    /// Takes the files that no state names and that none ever will.
    pub(crate) async fn take_unnamed(&self) -> Vec<FileRecord> {
        let mut files = self.files.lock().await;
        let unnamed = files.as_mut().map(TrackedFiles::take_unnamed);
        unnamed.unwrap_or_default()
    }

    /// Looks at the files or changes them; `None` where they cannot be read.
    async fn with<T>(&self, act: impl FnOnce(&mut TrackedFiles) -> T + Send) -> Option<T> {
        let mut files = self.files.lock().await;
        if files.is_none() {
            match read(&*self.store, &self.conversation).await {
                Ok(rows) => *files = Some(TrackedFiles::new(rows)),
                Err(error) => {
                    tracing::warn!(error = %causes(&error), "files at providers could not be read; nothing is uploaded");
                }
            }
        }
        files.as_mut().map(act)
    }
}

/// Reads the files of a conversation.
///
/// # Errors
/// Those of the state store.
pub(super) async fn read(
    store: &dyn StateStore,
    conversation: &ConversationId,
) -> Result<FileRows, StateError> {
    let options = FileRows::keys().fold(
        LoadOptions::new(Window::MetadataOnly),
        LoadOptions::with_planner,
    );
    let loaded = store.load(conversation, options).await?;
    let rows = loaded.map(|loaded| loaded.planner).unwrap_or_default();
    Ok(FileRows::read(
        rows.iter().map(|row| (row.key.as_str(), &row.value)),
    ))
}

#[async_trait]
impl FileRegistry for ConversationFiles {
    async fn get(&self, key: &FileKey) -> Option<FileRecord> {
        self.with(|files| files.rows().get(key).cloned()).await?
    }

    async fn has_room(&self) -> bool {
        let has_room = self.with(|files| files.rows().has_room(Utc::now())).await;
        has_room.unwrap_or_default()
    }

    async fn put(&self, record: FileRecord) -> bool {
        let is_placed = self.with(|files| files.put(record, Utc::now())).await;
        is_placed.unwrap_or_default()
    }

    async fn put_uploaded(&self, record: FileRecord) -> bool {
        let put = |files: &mut TrackedFiles| files.put_uploaded(record, Utc::now());
        self.with(put).await.unwrap_or_default()
    }

    async fn remove(&self, key: &FileKey, id: &str) {
        self.with(|files| files.remove(key, id)).await;
    }
}
