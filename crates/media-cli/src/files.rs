//! Writing files so that whoever looks sees the old one or the whole new one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

/// A file on its way to its name. Dropped before [`commit`](Self::commit), it leaves nothing.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

/// What happens to a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the new file is refused.
    Keep,
}

impl NewFile {
    /// Creates the file beside its name, readable by the owner only.
    pub(crate) fn create(path: &Path) -> Outcome<Self> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".media-")
            .suffix(".tmp")
            .tempfile_in(directory)
            .map_err(Failure::io("create a file in", directory))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Sets who may read and write the file, where the system knows modes.
    pub(crate) fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let permissions = std::fs::Permissions::from_mode(mode);
            self.file.as_file().set_permissions(permissions)?;
        }
        #[cfg(not(unix))]
        let _ = mode;
        Ok(())
    }

    /// Makes the file durable and gives it its name.
    pub(crate) fn commit(self, existing: Existing) -> Outcome<()> {
        let path = self.path;
        self.file
            .as_file()
            .sync_all()
            .map_err(Failure::io("write", &path))?;
        let placed = match existing {
            Existing::Replace => self.file.persist(&path),
            Existing::Keep => self.file.persist_noclobber(&path),
        };
        placed.map_err(|error| Failure::io("write", &path)(error.error))?;
        sync_directory(&path);
        Ok(())
    }
}

/// Makes a name durable, where the system can.
fn sync_directory(path: &Path) {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(directory) = std::fs::File::open(directory) {
        let _ = directory.sync_all();
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns a name that is safe in any directory, from one that came from elsewhere.
pub(crate) fn safe_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String = last
        .chars()
        .filter(|c| !c.is_control() && !"<>:\"|?*".contains(*c))
        .take(120)
        .collect();
    let safe = safe.trim_matches(['.', ' ']).to_owned();
    (!safe.is_empty()).then_some(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_elsewhere_stay_in_the_directory() {
        for (name, safe) in [
            ("photo.png", Some("photo.png")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\x\\y.png", Some("y.png")),
            (".bashrc", Some("bashrc")),
            ("..", None),
            ("a\n\u{1b}b", Some("ab")),
            ("", None),
        ] {
            assert_eq!(safe_name(name).as_deref(), safe, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let write = |text: &[u8], existing| {
            let mut file = NewFile::create(&path).unwrap();
            file.write_all(text).unwrap();
            file.commit(existing)
        };
        write(b"one", Existing::Keep).unwrap();
        assert!(write(b"two", Existing::Keep).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(b"two", Existing::Replace).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }
}
