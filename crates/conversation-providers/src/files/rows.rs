//! Files of a conversation as rows of bounded size.

use chrono::{DateTime, Utc};
use conversation_types::RawJson;

use super::record::{FileKey, FileRecord};

/// The files that were uploaded for one conversation, as rows for a state that takes small values.
///
/// There are at most 16 rows of at most 4 KiB each: some 250 files. A file that the provider has
/// deleted by its own rules makes room for another.
#[derive(Clone, Debug, Default)]
pub struct FileRows {
    rows: Vec<Vec<FileRecord>>,
}

impl FileRows {
    /// The most rows.
    pub const MAX_ROWS: usize = 16;

    /// The largest row, in bytes of JSON.
    pub const MAX_ROW_BYTES: usize = 4096;

    /// Returns the keys of all rows that there may be.
    pub fn keys() -> impl Iterator<Item = String> {
        (0..Self::MAX_ROWS).map(Self::key)
    }

    /// Returns the key of a row.
    pub fn key(index: usize) -> String {
        format!("provider files {index}")
    }

    /// Reads rows by their keys, in any order. A row that cannot be read counts as empty.
    pub fn read<'a>(rows: impl IntoIterator<Item = (&'a str, &'a RawJson)>) -> Self {
        let mut read = Self::default();
        for (key, value) in rows {
            let Some(index) = Self::keys().position(|known| known == key) else {
                continue;
            };
            if read.rows.len() <= index {
                read.rows.resize_with(index + 1, Vec::new);
            }
            if let Some(row) = read.rows.get_mut(index) {
                *row = serde_json::from_str(value.get()).unwrap_or_default();
            }
        }
        read
    }

    /// Returns all files.
    pub fn records(&self) -> impl Iterator<Item = &FileRecord> {
        self.rows.iter().flatten()
    }

    /// Returns the file of a key.
    pub fn get(&self, key: &FileKey) -> Option<&FileRecord> {
        self.records().find(|record| record.key == *key)
    }

    /// Returns whether one more file of usual size can be added.
    pub fn has_room(&self, now: DateTime<Utc>) -> bool {
        const USUAL: usize = 400;
        let fits = |row: &Vec<FileRecord>| {
            let left = row.iter().filter(|record| !record.is_over(now));
            len_of(left) + USUAL <= Self::MAX_ROW_BYTES
        };
        self.rows.len() < Self::MAX_ROWS || self.rows.iter().any(fits)
    }

    /// Adds a file, in place of another of its key. Returns the indices of the rows that changed;
    /// `None` where there is no room, and then nothing changes.
    pub fn put(&mut self, record: FileRecord, now: DateTime<Utc>) -> Option<Vec<usize>> {
        let stays = |held: &FileRecord| held.key != record.key && !held.is_over(now);
        let fits = |row: &Vec<FileRecord>| {
            let stay = row.iter().filter(|held| stays(held));
            len_of(stay.chain([&record])) <= Self::MAX_ROW_BYTES
        };
        let place = match self.rows.iter().rposition(fits) {
            Some(place) => place,
            None if self.rows.len() < Self::MAX_ROWS && fits(&Vec::new()) => {
                self.rows.push(Vec::new());
                self.rows.len() - 1
            }
            None => return None,
        };
        let mut changed = Vec::new();
        for (index, row) in self.rows.iter_mut().enumerate() {
            let before = row.len();
            row.retain(stays);
            if row.len() != before || index == place {
                changed.push(index);
            }
        }
        self.rows.get_mut(place)?.push(record);
        Some(changed)
    }

    /// Removes the file of a key, if it is still this one. Returns the index of its row.
    pub fn remove(&mut self, key: &FileKey, id: &str) -> Option<usize> {
        let is_it = |record: &FileRecord| record.key == *key && record.id == id;
        let index = self.rows.iter().position(|row| row.iter().any(is_it))?;
        self.rows.get_mut(index)?.retain(|record| !is_it(record));
        Some(index)
    }

    /// Returns the value of a row; `None` for one that there never was.
    pub fn value(&self, index: usize) -> Option<RawJson> {
        let text = serde_json::to_string(self.rows.get(index)?).ok()?;
        RawJson::from_text(text).ok()
    }
}

/// The length of the JSON of a row.
fn len_of<'a>(records: impl Iterator<Item = &'a FileRecord>) -> usize {
    let len = |record| serde_json::to_string(record).map_or(usize::MAX / 32, |text| text.len() + 1);
    records.map(len).sum::<usize>() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use media_storage::Sha256Hasher;

    fn record(number: usize, end: Option<DateTime<Utc>>) -> FileRecord {
        let hash = Sha256Hasher::digest(&number.to_be_bytes());
        let key = FileKey::new(
            "openai",
            "https://api.openai.com/v1",
            "0123456789abcdef",
            hash,
        );
        let mut record = FileRecord::new(key, format!("file-{number:024}"));
        record.bytes = 12_345_678;
        record.expires_at = end;
        record
    }

    #[test]
    fn rows_are_bounded_and_read_back_and_what_is_over_makes_room() {
        let now = Utc::now();
        let later = now + TimeDelta::hours(24);
        let mut rows = FileRows::default();
        let mut held = 0;
        while rows.has_room(now) {
            assert_eq!(rows.put(record(held, Some(later)), now).unwrap().len(), 1);
            held += 1;
        }
        assert!(held >= 200, "{held}");
        let values: Vec<_> = (0..FileRows::MAX_ROWS)
            .map(|index| (FileRows::key(index), rows.value(index).unwrap()))
            .collect();
        assert!(
            values
                .iter()
                .all(|(_, value)| value.get().len() <= FileRows::MAX_ROW_BYTES)
        );
        assert!(rows.value(FileRows::MAX_ROWS).is_none());
        let mut read = FileRows::read(
            values
                .iter()
                .rev()
                .map(|(key, value)| (key.as_str(), value)),
        );
        assert!(read.records().eq(rows.records()));
        // One more finds no room, and changes nothing; when the others are over, it does.
        while read.put(record(held, Some(later)), now).is_some() {
            held += 1;
        }
        assert_eq!(read.records().count(), held);
        assert!(read.get(&record(held, None).key).is_none());
        let all = (0..FileRows::MAX_ROWS)
            .all(|index| read.value(index).unwrap().get().len() <= FileRows::MAX_ROW_BYTES);
        assert!(all && !read.has_room(now));
        assert!(read.has_room(later));
        let changed = read.put(record(held + 1, None), later).unwrap();
        assert_eq!(
            (changed.len(), read.records().count()),
            (FileRows::MAX_ROWS, 1)
        );
    }

    #[test]
    fn a_key_has_one_file() {
        let now = Utc::now();
        let mut rows = FileRows::default();
        rows.put(record(1, None), now);
        let mut newer = record(1, None);
        newer.id = "file-newer".to_owned();
        assert_eq!(rows.put(newer.clone(), now).unwrap(), [0]);
        assert_eq!(rows.get(&newer.key).unwrap().id, "file-newer");
        assert_eq!(rows.remove(&newer.key, "file-older"), None);
        assert_eq!(rows.remove(&newer.key, "file-newer"), Some(0));
        assert_eq!(rows.records().count(), 0);
        let broken = RawJson::from_text("{}".to_owned()).unwrap();
        assert_eq!(
            FileRows::read([(FileRows::key(0).as_str(), &broken)])
                .records()
                .count(),
            0
        );
    }
}
