//! The files that providers keep for one conversation: read when they are needed, written with the
//! messages of a turn.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::files::{FileKey, FileRecord, FileRegistry, FileRows, TrackedFiles};
use conversation_state::{LoadOptions, PlannerEntry, StateError, StateStore, Window};
use media_types::ConversationId;
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

    /// Returns the rows that are to be written, at most so many.
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

    /// Reads the rows, unless they are known.
    async fn read<'a>(&self, files: &'a mut Option<TrackedFiles>) -> Option<&'a mut TrackedFiles> {
        if files.is_none() {
            match read(&*self.store, &self.conversation).await {
                Ok(rows) => *files = Some(TrackedFiles::new(rows)),
                Err(error) => {
                    tracing::warn!(%error, "files at providers could not be read; nothing is uploaded");
                }
            }
        }
        files.as_mut()
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
        let mut files = self.files.lock().await;
        self.read(&mut files).await?.rows().get(key).cloned()
    }

    async fn has_room(&self) -> bool {
        let mut files = self.files.lock().await;
        let files = self.read(&mut files).await;
        files.is_some_and(|files| files.rows().has_room(Utc::now()))
    }

    async fn put(&self, record: FileRecord) -> bool {
        let mut files = self.files.lock().await;
        let files = self.read(&mut files).await;
        files.is_some_and(|files| files.put(record, Utc::now()))
    }

    async fn put_uploaded(&self, record: FileRecord) -> bool {
        let mut files = self.files.lock().await;
        let files = self.read(&mut files).await;
        files.is_some_and(|files| files.put_uploaded(record, Utc::now()))
    }

    async fn remove(&self, key: &FileKey, id: &str) {
        let mut files = self.files.lock().await;
        if let Some(files) = self.read(&mut files).await {
            files.remove(key, id);
        }
    }
}
