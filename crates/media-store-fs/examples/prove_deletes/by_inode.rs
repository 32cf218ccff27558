//! A verification that is broken on purpose: it remembers hashes by inode number, as the first version
//! did.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use media_storage::{Sha256Hasher, Sidecar};
use media_types::Sha256;

/// Walks over the media, and moves what does not match its sidecar. Returns how much that is.
pub(crate) fn verify(directory: &Path, references: &mut u64) -> io::Result<u64> {
    let quarantine = directory.join(".store/quarantine");
    fs::create_dir_all(&quarantine)?;
    let mut hashed: HashMap<u64, Sha256> = HashMap::new();
    let mut moved = 0;
    for session in entries(directory)? {
        if session.file_name().is_some_and(|name| name == ".store") {
            continue;
        }
        for conversation in entries(&session)? {
            for media in entries(&conversation)? {
                if media
                    .extension()
                    .is_some_and(|extension| extension == "meta")
                {
                    continue;
                }
                match is_sound(&media, &mut hashed) {
                    Ok(true) => *references += 1,
                    Ok(false) => moved += quarantine_media(&media, &quarantine)?,
                    // It was deleted.
                    Err(_) => {}
                }
            }
        }
    }
    Ok(moved)
}

fn is_sound(media: &Path, hashed: &mut HashMap<u64, Sha256>) -> io::Result<bool> {
    let stat = fs::metadata(media)?;
    let sidecar = Sidecar::from_json(&fs::read(sidecar_of(media))?).map_err(io::Error::other)?;
    let sha256 = match hashed.get(&stat.ino()) {
        Some(known) => *known,
        None => {
            let sha256 = Sha256Hasher::digest(&fs::read(media)?);
            if stat.nlink() > 1 {
                hashed.insert(stat.ino(), sha256);
            }
            sha256
        }
    };
    Ok(stat.len() == sidecar.size_bytes && sha256 == sidecar.sha256)
}

fn quarantine_media(media: &Path, quarantine: &Path) -> io::Result<u64> {
    let mut moved = 0;
    for path in [media.to_owned(), sidecar_of(media)] {
        let Some(name) = path.file_name() else {
            continue;
        };
        match fs::rename(&path, quarantine.join(name)) {
            Ok(()) => moved += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moved)
}

fn sidecar_of(media: &Path) -> PathBuf {
    let mut path = media.as_os_str().to_owned();
    path.push(".meta");
    path.into()
}

/// The entries of a directory, or none if it is gone.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
