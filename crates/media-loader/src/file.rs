//! Reading files, as far as that is allowed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use cap_fs_ext::MetadataExt as _;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use futures_util::stream;
use media_storage::{MediaBody, Operation, StorageError, StorageErrorKind};

use crate::error::{LoadError, LoadErrorKind};

/// Number of bytes of a file that are read at a time.
const PIECE: usize = 256 * 1024;

/// The files that a loader is allowed to read.
///
/// Whoever can add content to a conversation chooses the file, so the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAccess {
    /// No files.
    #[default]
    Deny,
    /// Regular files below this directory, by relative paths. Absolute paths, paths with `..`, and symbolic
    /// links that lead out are refused, even while the directory is being changed.
    Under(PathBuf),
    /// As [`Under`](Self::Under), without files that have more than one hard link: the other one may be outside of
    /// the directory. For directories in which others can create links. Files of a deduplicating store are refused
    /// too.
    UnderWithoutHardLinks(PathBuf),
    /// All regular files that the process may read. Only for content that you created yourself.
    Any,
}

impl FileAccess {
    /// Opens a file on a blocking thread.
    pub(crate) async fn open(&self, path: &Path) -> Result<OpenFile, LoadError> {
        let (access, owned) = (self.clone(), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || access.open_blocking(&owned));
        match opened.await {
            Ok(opened) => opened.map_err(|error| error.with_path(path)),
            Err(stopped) => Err(LoadError::new(LoadErrorKind::File)
                .with_path(path)
                .with_source(stopped)),
        }
    }

    fn open_blocking(&self, path: &Path) -> Result<OpenFile, LoadError> {
        let file = match self {
            Self::Deny => return Err(LoadError::new(LoadErrorKind::FileDenied)),
            Self::Under(root) | Self::UnderWithoutHardLinks(root) => {
                let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
                if !path.components().all(plain) {
                    return Err(LoadError::new(LoadErrorKind::FileDenied));
                }
                let root = Dir::open_ambient_dir(root, ambient_authority()).map_err(|error| {
                    // The root is the operator's; content must not learn where it is.
                    LoadError::new(LoadErrorKind::File).with_source(error)
                })?;
                // Looking first keeps devices from being opened, which may have effects; looking
                // again at what was opened is what decides.
                let seen = root.metadata(path).map_err(refusal)?;
                regular(seen.is_file())?;
                root.open_with(path, &reading()).map_err(refusal)?
            }
            Self::Any => {
                let seen = std::fs::metadata(path).map_err(refusal)?;
                regular(seen.is_file())?;
                cap_std::fs::File::open_ambient_with(path, &reading(), ambient_authority())
                    .map_err(refusal)?
            }
        };
        let found = file.metadata().map_err(refusal)?;
        regular(found.is_file())?;
        if matches!(self, Self::UnderWithoutHardLinks(_)) && found.nlink() > 1 {
            return Err(LoadError::new(LoadErrorKind::FileDenied));
        }
        let file = file.into_std();
        Ok(OpenFile {
            size: found.len(),
            file,
        })
    }
}

fn regular(is_file: bool) -> Result<(), LoadError> {
    if is_file {
        Ok(())
    } else {
        Err(LoadError::new(LoadErrorKind::NotRegularFile))
    }
}

fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    // Without this, a pipe that takes the file's place would hold the thread for ever.
    #[cfg(unix)]
    cap_fs_ext::OpenOptionsSyncExt::nonblock(&mut options, true);
    options
}

fn refusal(error: io::Error) -> LoadError {
    // A path that leads out of the directory is an error of the capability, not of the system.
    let leads_out =
        error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none();
    let kind = if leads_out {
        LoadErrorKind::FileDenied
    } else if error.kind() == io::ErrorKind::NotFound {
        LoadErrorKind::FileNotFound
    } else {
        LoadErrorKind::File
    };
    LoadError::new(kind).with_source(error)
}

/// A regular file that was opened for reading.
pub(crate) struct OpenFile {
    file: File,
    size: u64,
}

impl OpenFile {
    /// Returns the size that the file had when it was opened.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the bytes. Fails unless there are as many as when the file was opened.
    pub(crate) fn into_body(self) -> MediaBody {
        let room = usize::try_from(self.size.min(PIECE as u64)).unwrap_or(PIECE);
        let pieces = stream::try_unfold(self.file, move |mut file| async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0; room.max(1)];
                let count = loop {
                    match file.read(&mut buffer) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result?,
                    }
                };
                buffer.truncate(count);
                Ok::<_, io::Error>((Bytes::from(buffer), file))
            });
            let read = read.await.map_err(io::Error::other).and_then(|read| read);
            match read {
                Ok((piece, _)) if piece.is_empty() => Ok(None),
                Ok(read) => Ok(Some(read)),
                Err(error) => Err(
                    StorageError::new(StorageErrorKind::Other, Operation::Retrieve)
                        .with_reason("the file cannot be read")
                        .with_source(error),
                ),
            }
        });
        MediaBody::from_stream(Some(self.size), pieces)
    }
}
