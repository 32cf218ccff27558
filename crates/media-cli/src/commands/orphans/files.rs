//! What all files of directories name.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use media_history::scan_references;
use media_types::StorageReference;

use crate::commands::history::failure;
use crate::failure::{Failure, Outcome};
use crate::output::escaped;

/// Hashes of the names, 8 bytes each. One that two names share keeps an orphan, and loses nothing.
#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: RandomState,
    names: HashSet<u64>,
}

impl Names {
    /// Reads every file below directories. One that cannot be read is a failure: it may name anything.
    pub(super) async fn of(directories: &[PathBuf]) -> Outcome<Self> {
        let mut names = Self::default();
        let mut open = Vec::new();
        for directory in directories {
            if !directory.is_dir() {
                let shown = escaped(&directory.to_string_lossy());
                return Err(Failure::failed(format!("{shown:?} is not a directory")));
            }
            open.push(directory.clone());
        }
        while let Some(directory) = open.pop() {
            let entries = std::fs::read_dir(&directory);
            for entry in entries.map_err(Failure::io("read", &directory))? {
                let entry = entry.map_err(Failure::io("read", &directory))?;
                let path = entry.path();
                let kind = entry.file_type().map_err(Failure::io("read", &path))?;
                // What a link leads to is looked at, unless that is a directory, which may hold it.
                let followed = std::fs::metadata(&path);
                match followed {
                    Ok(found) if found.is_dir() && kind.is_symlink() => {
                        let shown = escaped(&path.to_string_lossy());
                        return Err(Failure::failed(format!(
                            "{shown:?} is a link to a directory; name that with --histories and \
                             move the link away"
                        )));
                    }
                    Ok(found) if found.is_dir() => open.push(path),
                    Ok(found) if found.is_file() => names.read(&path).await?,
                    // Sockets and pipes hold nothing.
                    Ok(_) => {}
                    Err(error) => return Err(Failure::io("read", &path)(error)),
                }
            }
        }
        Ok(names)
    }

    async fn read(&mut self, path: &Path) -> Outcome<()> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(Failure::io("open", path))?;
        scan_references(file, |reference| {
            let name = self.hash(&reference);
            self.names.insert(name);
        })
        .await
        .map_err(failure)
    }

    /// The id alone: after a copy to another store it is what is kept.
    fn hash(&self, reference: &StorageReference) -> u64 {
        self.hasher.hash_one(reference.id())
    }

    /// Returns whether a file names this media.
    pub(super) fn contains(&self, reference: &StorageReference) -> bool {
        self.names.contains(&self.hash(reference))
    }
}
