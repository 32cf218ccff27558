//! Reading a media directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::media::{Item, MediaFound};
use crate::Failure;

/// Reads all files.
pub(crate) fn directory(base: &Path) -> Result<MediaFound, Failure> {
    let mut files = BTreeMap::new();
    walk(base, base, &mut files)?;
    let mut found = MediaFound::default();
    let mut sums = BTreeMap::new();
    for (name, bytes) in &files {
        let is_media = match name.strip_prefix(".store/") {
            // Also what is being stored, or was when a node was killed.
            Some(inner) => inner.starts_with("blobs/") || inner.starts_with("tmp/"),
            None => !name.ends_with(".meta"),
        };
        if is_media && !bytes.is_empty() {
            sums.insert(name.as_str(), found.note(name, bytes));
        }
    }
    for (name, bytes) in &files {
        if name.starts_with(".store/") {
            continue;
        }
        if let Some(id) = name.strip_suffix(".meta") {
            let item = Item {
                sidecar: serde_json::from_slice(bytes)?,
                sum: sums.get(id).cloned(),
            };
            found.items.insert(id.to_owned(), item);
        } else if !files.contains_key(&format!("{name}.meta")) {
            found.leftovers.insert(name.clone());
        }
    }
    let kept: Vec<String> = found
        .items
        .values()
        .filter_map(|item| item.sum.clone())
        .collect();
    for (name, sum) in sums {
        if name.starts_with(".store/") && !kept.contains(&sum) {
            found.leftovers.insert(name.to_owned());
        }
    }
    Ok(found)
}

fn walk(
    base: &Path,
    directory: &Path,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(base, &path, files)?;
        } else {
            let name = path.strip_prefix(base)?.to_string_lossy().into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}
