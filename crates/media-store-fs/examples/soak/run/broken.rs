//! Variants that are broken on purpose, each in one way that only shows when operations race.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::Utc;
use media_storage::layout::{FileName, MediaToken};
use media_storage::{MediaMetadata, RetentionPolicy, Sha256Hasher, Sidecar};
use media_types::{Mime, Sha256, StorageReference};

use crate::run::Result;
use crate::run::journal;

const CLASSES: [&str; 2] = ["sha256", "buffered"];

fn blob(directory: &Path, class: &str, sha256: Sha256) -> PathBuf {
    let hex = sha256.to_hex();
    let shelf = hex.get(..2).unwrap_or_default();
    directory
        .join(".store/blobs")
        .join(class)
        .join(shelf)
        .join(&hex)
}

/// A duplicate that looks whether the blob is there, and then relies on it: `None` when it is not.
pub(crate) fn duplicate(
    directory: &Path,
    bytes: &[u8],
    metadata: &MediaMetadata,
) -> Result<Option<StorageReference>> {
    let sha256 = Sha256Hasher::digest(bytes);
    let blobs = CLASSES.map(|class| blob(directory, class, sha256));
    let Some(blob) = blobs.into_iter().find(|path| path.exists()) else {
        return Ok(None);
    };
    let name = FileName::new(sha256, &MediaToken::mint()?, &Mime::IMAGE_PNG);
    let (Some(session), Some(conversation)) = (metadata.session(), metadata.conversation()) else {
        return Err("the metadata names no session".into());
    };
    let path = format!("{session}/{conversation}");
    let sidecar = Sidecar::new(
        format!("{path}/{}", name.as_str()),
        Mime::IMAGE_PNG,
        bytes.len() as u64,
        sha256,
        metadata.clone(),
        RetentionPolicy::Retain,
        Utc::now(),
    );
    let place = directory.join(path);
    fs::create_dir_all(&place)?;
    tolerate(fs::write(place.join(name.sidecar()), sidecar.to_json()?))?;
    // The defect: what was there a moment ago is taken to be there still.
    tolerate(fs::hard_link(blob, place.join(name.as_str())))?;
    Ok(Some(sidecar.reference("file", None)?))
}

/// A delete that drops the blob with the reference.
pub(crate) fn delete(directory: &Path, reference: &StorageReference) -> Result<()> {
    let path = directory.join(reference.id());
    tolerate(fs::remove_file(&path))?;
    tolerate(fs::remove_file(format!("{}.meta", path.display())))?;
    if let Some(sha256) = reference.sha256() {
        for class in CLASSES {
            // The defect: no look at the link count.
            tolerate(fs::remove_file(blob(directory, class, sha256)))?;
        }
    }
    Ok(())
}

/// Removes sidecars whose media is absent, without asking anybody, until the soak is over.
pub(crate) fn sweep_without_asking(directory: &Path, journal: &Path) -> Result<()> {
    let parent = std::os::unix::process::parent_id();
    while !journal::is_over(journal, parent) {
        for session in entries(directory) {
            for conversation in entries(&session) {
                for file in entries(&conversation) {
                    if file
                        .extension()
                        .is_some_and(|extension| extension == "meta")
                        && !file.with_extension("").exists()
                    {
                        tolerate(fs::remove_file(&file))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let visible = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        !name.as_encoded_bytes().starts_with(b".")
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(visible)
        .collect()
}

fn tolerate(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
