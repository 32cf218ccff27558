//! The files that providers keep for one conversation: read when they are needed, written with the
//! messages of a turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::files::{FileKey, FileRecord, FileRegistry, FileRows};
use conversation_state::{LoadOptions, PlannerEntry, StateError, StateStore, Window};
use media_types::ConversationId;
use tokio::sync::Mutex;

/// The files of a conversation, as a turn sees and changes them.
#[derive(Debug)]
pub(crate) struct ConversationFiles {
    store: Arc<dyn StateStore>,
    conversation: ConversationId,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    /// `None` until they are read.
    rows: Option<FileRows>,
    /// Rows that the state store does not have yet.
    changed: BTreeSet<usize>,
    /// Files that the state store does not know yet.
    new: Vec<FileRecord>,
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
        let Some(rows) = &files.rows else {
            return Vec::new();
        };
        let changed = files.changed.iter().take(most);
        changed
            .filter_map(|index| {
                let value = rows.value(*index)?;
                Some(PlannerEntry::new(FileRows::key(*index), value))
            })
            .collect()
    }

    /// Notes that rows were written.
    pub(crate) async fn note_written(&self, written: &[PlannerEntry]) {
        let mut files = self.files.lock().await;
        let Files { rows, changed, new } = &mut *files;
        let Some(rows) = rows else { return };
        changed.retain(|index| {
            let key = FileRows::key(*index);
            let is_written = |entry: &PlannerEntry| {
                entry.key == key && rows.value(*index).as_ref() == Some(&entry.value)
            };
            !written.iter().any(is_written)
        });
        if changed.is_empty() {
            new.clear();
        }
    }

    /// Takes the files that no state names and that none ever will.
    pub(crate) async fn take_unnamed(&self) -> Vec<FileRecord> {
        let mut files = self.files.lock().await;
        std::mem::take(&mut files.new)
    }

    /// Reads the rows, unless they are known.
    async fn read<'a>(&self, files: &'a mut Files) -> Option<&'a mut FileRows> {
        if files.rows.is_none() {
            match read(&*self.store, &self.conversation).await {
                Ok(rows) => files.rows = Some(rows),
                Err(error) => {
                    tracing::warn!(%error, "files at providers could not be read; nothing is uploaded");
                    return None;
                }
            }
        }
        files.rows.as_mut()
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
        self.read(&mut files).await?.get(key).cloned()
    }

    async fn has_room(&self) -> bool {
        let mut files = self.files.lock().await;
        let rows = self.read(&mut files).await;
        rows.is_some_and(|rows| rows.has_room(Utc::now()))
    }

    async fn put(&self, record: FileRecord) {
        let mut files = self.files.lock().await;
        let Some(rows) = self.read(&mut files).await else {
            return;
        };
        let changed = rows.put(record.clone(), Utc::now());
        files.changed.extend(changed);
        files.new.push(record);
    }

    async fn remove(&self, key: &FileKey, id: &str) {
        let mut files = self.files.lock().await;
        let Some(rows) = self.read(&mut files).await else {
            return;
        };
        let changed = rows.remove(key, id);
        files.changed.extend(changed);
        files.new.retain(|record| record.id != id);
    }
}
