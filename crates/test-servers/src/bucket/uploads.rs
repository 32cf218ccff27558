//! The operations of multipart uploads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use md5::{Digest as _, Md5};

use super::change::{Condition, Refusal};
use super::index::Bucket;
use super::object::{Attributes, Object, hex};
use super::staging::Piece;
use super::upload::{Completed, Done, Upload};

/// Minimum size of every part except the last, for both services, in bytes.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

impl Bucket {
    pub(crate) fn begin_upload(&self, key: &str, attributes: Attributes) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("upload-{:08}", NEXT.fetch_add(1, Ordering::Relaxed));
        let upload = Upload {
            key: key.to_owned(),
            attributes,
            parts: BTreeMap::new(),
        };
        self.state().uploads.insert(id.clone(), upload);
        id
    }

    /// Stores a part. Returns its tag.
    pub(crate) fn put_part(
        &self,
        key: &str,
        id: &str,
        number: u32,
        piece: Piece,
    ) -> Result<String, Refusal> {
        let mut state = self.state();
        let upload = state
            .uploads
            .get_mut(id)
            .filter(|upload| upload.key == key)
            .ok_or(Refusal::NoSuchUpload)?;
        let e_tag = hex(&piece.md5());
        upload.parts.insert(number, piece);
        Ok(e_tag)
    }

    pub(crate) fn complete_upload(
        &self,
        key: &str,
        id: &str,
        named: &[(u32, String)],
        condition: &Condition,
    ) -> Result<Completed, Refusal> {
        let mut state = self.state();
        if let Some(done) = state.done.get(id).filter(|done| done.key == key) {
            return Ok(done.completed.clone());
        }
        let upload = state
            .uploads
            .get(id)
            .filter(|upload| upload.key == key)
            .ok_or(Refusal::NoSuchUpload)?;
        if !named.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Refusal::PartOrder);
        }
        let pieces = named
            .iter()
            .map(|(number, e_tag)| {
                upload
                    .parts
                    .get(number)
                    .filter(|piece| hex(&piece.md5()) == e_tag.trim_matches('"'))
                    .cloned()
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(Refusal::InvalidPart)?;
        let (_, all_but_last) = pieces.split_last().ok_or(Refusal::InvalidPart)?;
        if all_but_last.iter().any(|piece| piece.len() < SMALLEST_PART) {
            return Err(Refusal::PartTooSmall);
        }
        let mut tags = Md5::new();
        for piece in &pieces {
            tags.update(piece.md5());
        }
        let e_tag = format!("{}-{}", hex(&tags.finalize()), pieces.len());
        let attributes = upload.attributes.clone();
        let object: Arc<Object> = state.put(key, pieces, e_tag, attributes, condition)?;
        state.uploads.remove(id);
        let completed = Completed::from(&*object);
        let done = Done {
            key: key.to_owned(),
            completed: completed.clone(),
        };
        state.done.insert(id.to_owned(), done);
        Ok(completed)
    }

    /// Aborts an upload and removes its parts.
    pub(crate) fn abort_upload(&self, key: &str, id: &str) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.uploads.get(id).is_none_or(|upload| upload.key != key) {
            return Err(Refusal::NoSuchUpload);
        }
        state.uploads.remove(id);
        Ok(())
    }

    /// Returns the number of uploads that are neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }
}
