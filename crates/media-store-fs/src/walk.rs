//! Walks over the media of a store, directory by directory.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use cap_std::fs::{DirEntry, ReadDir};
use media_storage::backend::CancelFlag;
use media_storage::layout::{FileName, encode_segment};
use media_storage::{Organization, Scope};

use crate::directories::MediaDir;
use crate::key::{Key, join};
use crate::shared::Shared;
use crate::sys;

/// A file with the directory that it lies in.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) directory: Arc<MediaDir>,
    pub(crate) key: Key,
}

/// What a walk finds.
#[derive(Debug)]
pub(crate) enum Found {
    Media(Located),
    /// A sidecar, with the key of its media, which may not exist.
    Sidecar(Located),
    /// Something that the store does not write.
    Foreign(String),
    /// A directory or an entry that cannot be read.
    Unreadable(String, io::Error),
    /// The end of a directory of media, or of directories.
    End(Arc<MediaDir>, String),
}

/// A walk over everything that may belong to a scope, in every organization that the store was ever
/// opened with. The sidecar of media decides whether it does belong.
///
/// Ends with an error when it is cancelled.
#[derive(Debug)]
pub(crate) struct Walk {
    base: Arc<MediaDir>,
    /// For each organization that is left, the names of interest at each level of directories.
    organizations: VecDeque<Vec<Option<String>>>,
    levels: Vec<Option<String>>,
    stack: Vec<Frame>,
    cancelled: CancelFlag,
}

#[derive(Debug)]
struct Frame {
    directory: Arc<MediaDir>,
    path: String,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    /// The only subdirectory of interest, until it was visited.
    Only(Option<String>),
    All(ReadDir),
    /// The directory was removed.
    Removed,
}

impl Walk {
    pub(crate) fn new(shared: &Shared, scope: &Scope, cancelled: &CancelFlag) -> io::Result<Self> {
        let organizations = shared.organizations().map_err(io::Error::other)?;
        Ok(Self {
            base: shared.directories.existing("")?,
            organizations: organizations
                .into_iter()
                .map(|organization| levels(shared, organization, scope))
                .collect(),
            levels: Vec::new(),
            stack: Vec::new(),
            cancelled: cancelled.clone(),
        })
    }

    fn open(&self, directory: Arc<MediaDir>, path: String) -> io::Result<Frame> {
        let entries = match self.levels.get(self.stack.len()) {
            Some(Some(only)) => Entries::Only(Some(only.clone())),
            _ => match directory.dir().entries() {
                Ok(entries) => Entries::All(entries),
                Err(error) if sys::is_not_found(&error) => Entries::Removed,
                Err(error) => return Err(error),
            },
        };
        Ok(Frame {
            directory,
            path,
            entries,
        })
    }

    /// Opens a subdirectory of the innermost directory.
    fn enter(&mut self, name: &str) -> io::Result<Option<Found>> {
        let Some(frame) = self.stack.last() else {
            return Ok(None);
        };
        let path = join(&frame.path, name);
        match sys::open_dir(frame.directory.dir(), name) {
            Ok(dir) => {
                let frame = self.open(MediaDir::opened(&path, dir), path)?;
                self.stack.push(frame);
                Ok(None)
            }
            // It was removed, or is a media file of a flatter organization.
            Err(error) if sys::is_absence(&error) => Ok(None),
            Err(error) => Ok(Some(Found::Unreadable(path, error))),
        }
    }

    fn step(&mut self) -> io::Result<Option<Found>> {
        self.cancelled.check().map_err(io::Error::other)?;
        let depth = self.stack.len();
        let Some(frame) = self.stack.last_mut() else {
            self.levels = self.organizations.pop_front().unwrap_or_default();
            let frame = self.open(Arc::clone(&self.base), String::new())?;
            self.stack.push(frame);
            return Ok(None);
        };
        let is_leaf = depth > self.levels.len();
        let entry = match &mut frame.entries {
            Entries::Only(name) => match name.take() {
                Some(name) => return self.enter(&name),
                None => None,
            },
            Entries::All(entries) => entries.next().transpose()?,
            Entries::Removed => None,
        };
        let Some(entry) = entry else {
            let ended = self.stack.pop();
            return Ok(ended
                .filter(|frame| is_leaf || !frame.path.is_empty())
                .map(|frame| Found::End(frame.directory, frame.path)));
        };
        if is_leaf {
            return Ok(classify(frame, &entry));
        }
        match entry.file_name().into_string() {
            Ok(name) if is_segment(&name) && is_dir(&entry) => self.enter(&name),
            _ => Ok(None),
        }
    }
}

impl Iterator for Walk {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.stack.is_empty() && self.organizations.is_empty() {
                return None;
            }
            match self.step() {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => {
                    self.stack.clear();
                    self.organizations.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Returns, for each level of directories, the only name of interest if there is one.
fn levels(shared: &Shared, organization: Organization, scope: &Scope) -> Vec<Option<String>> {
    let encode = |id: &str| Some(encode_segment(id, shared.format.case));
    let (mut run, mut session, mut conversation) = (None, None, None);
    for part in scope.parts() {
        match part {
            Scope::Run(id) => run = encode(id.as_str()),
            Scope::Session(id) => session = encode(id.as_str()),
            Scope::Conversation(id) => conversation = encode(id.as_str()),
            _ => {}
        }
    }
    match organization {
        Organization::Flat => vec![],
        Organization::ByConversation => vec![conversation],
        Organization::BySession => vec![session, conversation],
        _ => vec![run, session, conversation],
    }
}

fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

/// Whether a directory may be named after an id. Others, such as `lost+found`, are ignored.
fn is_segment(name: &str) -> bool {
    !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-%~".contains(&b))
}

fn classify(frame: &Frame, entry: &DirEntry) -> Option<Found> {
    let Ok(name) = entry.file_name().into_string() else {
        return Some(Found::Foreign(frame.path.clone()));
    };
    let located = |file| Located {
        directory: Arc::clone(&frame.directory),
        key: Key {
            directory: frame.path.clone(),
            file,
        },
    };
    if let Some(file) = FileName::parse(&name) {
        Some(Found::Media(located(file)))
    } else if let Some(file) = name.strip_suffix(".meta").and_then(FileName::parse) {
        Some(Found::Sidecar(located(file)))
    } else if name.starts_with('.') || is_dir(entry) {
        None
    } else {
        Some(Found::Foreign(join(&frame.path, &name)))
    }
}
