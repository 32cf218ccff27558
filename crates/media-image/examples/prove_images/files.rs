//! The files of a directory.

use std::io;
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "apng"];

/// Returns the paths of images below a directory, in a fixed order that mixes them.
pub(crate) fn images(directory: &Path, most: usize) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let extension = path.extension().and_then(|extension| extension.to_str());
            let extension = extension.map(str::to_ascii_lowercase);
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() && extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
            {
                found.push(path);
            }
        }
    }
    found.sort_by_key(|path| {
        let bytes = path.as_os_str().as_encoded_bytes();
        bytes.iter().fold(7_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
    });
    found.truncate(most);
    Ok(found)
}
