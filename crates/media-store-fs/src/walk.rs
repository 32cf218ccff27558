//! Walks over the references of a store, directory by directory.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use media_storage::layout::{FileName, encode_segment};
use media_storage::{Organization, Scope};

use crate::directories::MediaDir;
use crate::retrieve::{Key, join};
use crate::shared::Shared;
use crate::sys;

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    Stop,
}

/// Sees what a walk finds.
pub(crate) trait Visitor {
    /// A media file.
    fn media(&mut self, directory: &MediaDir, key: &Key) -> Next;

    /// A sidecar, by the key of its media, which may be absent.
    fn sidecar(&mut self, _: &MediaDir, _: &Key) -> Next {
        Next::Go
    }

    /// A name that is neither, or a directory that does not open.
    fn other(&mut self, _: &str, _: Option<io::Error>) -> Next {
        Next::Go
    }

    /// The end of a directory.
    fn leave(&mut self, _: &MediaDir, _: &str) -> Next {
        Next::Go
    }
}

/// Walks what may belong to a scope, in every organisation that the store was ever opened with.
/// Whether something does belong is told by its sidecar.
pub(crate) fn walk(shared: &Shared, scope: &Scope, visitor: &mut dyn Visitor) -> io::Result<()> {
    for organization in shared.organizations().map_err(io::Error::other)? {
        let levels = levels(shared, organization, scope);
        let base = shared.directories.existing("")?;
        if step(&base, "", &levels, visitor)? == Next::Stop {
            return Ok(());
        }
    }
    Ok(())
}

/// For each level of directories the only name that is of interest, if there is one.
fn levels(shared: &Shared, organization: Organization, scope: &Scope) -> Vec<Option<String>> {
    let only = |wanted: bool, id: &str| wanted.then(|| encode_segment(id, shared.format.case));
    let run = match scope {
        Scope::Run(id) => only(true, id.as_str()),
        _ => None,
    };
    let session = match scope {
        Scope::Session(id) => only(true, id.as_str()),
        _ => None,
    };
    let conversation = match scope {
        Scope::Conversation(id) => only(true, id.as_str()),
        _ => None,
    };
    match organization {
        Organization::Flat => vec![],
        Organization::ByConversation => vec![conversation],
        Organization::BySession => vec![session, conversation],
        _ => vec![run, session, conversation],
    }
}

fn step(
    directory: &Arc<MediaDir>,
    path: &str,
    levels: &[Option<String>],
    visitor: &mut dyn Visitor,
) -> io::Result<Next> {
    let Some((level, deeper)) = levels.split_first() else {
        return files(directory, path, visitor);
    };
    let mut enter = |name: &str| -> io::Result<Next> {
        let inner = join(path, name);
        match sys::open_dir(directory.dir(), name) {
            Ok(dir) => step(&MediaDir::opened(&inner, dir), &inner, deeper, visitor),
            // Gone meanwhile, or a media file of a flatter organisation.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Next::Go)
            }
            Err(error) => Ok(visitor.other(&inner, Some(error))),
        }
    };
    if let Some(only) = level {
        return enter(only);
    }
    for entry in directory.dir().entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && is_segment(&name) && enter(&name)? == Next::Stop {
            return Ok(Next::Stop);
        }
    }
    Ok(Next::Go)
}

/// Whether a directory may be one of ids. Others, such as `lost+found`, are nobody's business.
fn is_segment(name: &str) -> bool {
    !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-%~".contains(&b))
}

fn files(directory: &MediaDir, path: &str, visitor: &mut dyn Visitor) -> io::Result<Next> {
    for entry in entries(directory.dir())? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            if visitor.other(path, None) == Next::Stop {
                return Ok(Next::Stop);
            }
            continue;
        };
        let key = |file| Key {
            directory: path.to_owned(),
            file,
        };
        let next = if let Some(file) = FileName::parse(&name) {
            visitor.media(directory, &key(file))
        } else if let Some(file) = name.strip_suffix(".meta").and_then(FileName::parse) {
            visitor.sidecar(directory, &key(file))
        } else if name.starts_with('.') || entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            Next::Go
        } else {
            visitor.other(&join(path, &name), None)
        };
        if next == Next::Stop {
            return Ok(Next::Stop);
        }
    }
    Ok(visitor.leave(directory, path))
}

/// The entries of a directory; none when it is gone.
fn entries(dir: &Dir) -> io::Result<impl Iterator<Item = io::Result<cap_std::fs::DirEntry>>> {
    match dir.entries() {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}
