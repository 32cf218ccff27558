//! The files of a conversation, with what its state does not have yet.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use conversation_types::RawJson;

use super::record::{FileKey, FileRecord};
use super::rows::FileRows;

/// The files of a conversation, with what its state does not have yet.
///
/// A file that was uploaded for this conversation is named by nothing until its row is written. One
/// that another conversation uploaded is named there, whatever becomes of this one.
#[derive(Clone, Debug, Default)]
pub struct TrackedFiles {
    rows: FileRows,
    /// Rows that the state does not have yet.
    changed: BTreeSet<usize>,
    /// Files that were uploaded and that no state names yet.
    unnamed: Vec<FileRecord>,
}

impl TrackedFiles {
    /// Creates files that the state has as they are.
    pub fn new(rows: FileRows) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    /// Returns the rows as they are now.
    pub fn rows(&self) -> &FileRows {
        &self.rows
    }

    /// Adds a file that others have uploaded, in place of another of its key. Returns whether there
    /// was room.
    pub fn put(&mut self, record: FileRecord, now: DateTime<Utc>) -> bool {
        let changed = self.rows.put(record, now);
        let is_placed = changed.is_some();
        self.changed.extend(changed.into_iter().flatten());
        is_placed
    }

    /// Adds a file that was uploaded just now, in place of another of its key. Returns whether there
    /// was room.
    pub fn put_uploaded(&mut self, record: FileRecord, now: DateTime<Utc>) -> bool {
        let is_placed = self.put(record.clone(), now);
        if is_placed {
            self.unnamed.push(record);
        }
        is_placed
    }

    /// Removes the file of a key, if it is still this one.
    pub fn remove(&mut self, key: &FileKey, id: &str) {
        self.changed.extend(self.rows.remove(key, id));
        self.unnamed
            .retain(|record| record.key != *key || record.id != id);
    }

    /// Returns the keys and values of rows that are to be written, at most `most`.
    pub fn unwritten(&self, most: usize) -> Vec<(String, RawJson)> {
        let changed = self.changed.iter().take(most);
        changed
            .filter_map(|index| Some((FileRows::key(*index), self.rows.value(*index)?)))
            .collect()
    }

    /// Notes that rows were written. One that has changed since counts as unwritten still.
    pub fn note_written<'a>(&mut self, written: impl IntoIterator<Item = (&'a str, &'a RawJson)>) {
        for (key, value) in written {
            self.unnamed.retain(|record| {
                !FileRows::read([(key, value)])
                    .records()
                    .any(|r| r == record)
            });
            let rows = &self.rows;
            self.changed.retain(|index| {
                FileRows::key(*index) != key || rows.value(*index).as_ref() != Some(value)
            });
        }
    }

    /// Takes the files that were uploaded and that no state names: they are to be deleted. Their
    /// rows are as if they had never been added.
    pub fn take_unnamed(&mut self) -> Vec<FileRecord> {
        let unnamed = std::mem::take(&mut self.unnamed);
        for record in &unnamed {
            self.changed
                .extend(self.rows.remove(&record.key, &record.id));
        }
        unnamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Sha256Hasher;

    fn record(number: usize) -> FileRecord {
        let hash = Sha256Hasher::digest(&number.to_be_bytes());
        let key = FileKey::new("openai", "https://h.example/v1", "0123456789abcdef", hash);
        FileRecord::new(key, format!("file-{number:024}"))
    }

    fn ids(rows: &[(String, RawJson)]) -> Vec<String> {
        let rows = rows.iter().map(|(key, value)| (key.as_str(), value));
        let read = FileRows::read(rows);
        read.records().map(|record| record.id.clone()).collect()
    }

    #[test]
    fn only_what_was_uploaded_and_not_written_is_unnamed() {
        let now = Utc::now();
        let mut files = TrackedFiles::default();
        assert!(files.put(record(1), now) && files.put_uploaded(record(2), now));
        assert_eq!(files.take_unnamed(), [record(2)]);
        assert!(files.take_unnamed().is_empty());
        // A later write names what others uploaded, and not what is deleted by now.
        let rows = files.unwritten(FileRows::MAX_ROWS);
        assert_eq!(ids(&rows), [record(1).id]);
        files.put_uploaded(record(3), now);
        let rows = files.unwritten(FileRows::MAX_ROWS);
        files.put_uploaded(record(4), now);
        files.note_written(rows.iter().map(|(key, value)| (key.as_str(), value)));
        assert_eq!(files.unwritten(FileRows::MAX_ROWS).len(), 1);
        assert_eq!(files.take_unnamed(), [record(4)]);
        files.put_uploaded(record(5), now);
        files.remove(&record(5).key, &record(5).id);
        assert!(files.take_unnamed().is_empty());
    }

    #[test]
    fn a_row_that_is_written_names_its_files_while_others_wait() {
        let now = Utc::now();
        let mut files = TrackedFiles::default();
        let (mut held, mut placed) = (0, 0);
        while files.rows().value(1).is_none() {
            placed += usize::from(files.put_uploaded(record(held), now));
            held += 1;
        }
        assert_eq!(placed, held);
        let rows = files.unwritten(1);
        files.note_written(rows.iter().map(|(key, value)| (key.as_str(), value)));
        assert_eq!(files.take_unnamed(), [record(held - 1)]);
    }

    #[test]
    fn a_file_without_a_place_is_not_taken() {
        let now = Utc::now();
        let mut files = TrackedFiles::default();
        let last = (0..).find(|number| !files.put_uploaded(record(*number), now));
        let last = record(last.unwrap());
        assert!(files.rows().get(&last.key).is_none() && !files.put(last.clone(), now));
        assert!(!files.take_unnamed().contains(&last));
    }
}
