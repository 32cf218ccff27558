//! A custom state store, which keeps conversations as JSON files in a directory.
//!
//! ```text
//! cargo run -p conversation-state --example directory_store -- DIRECTORY
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use conversation_state::document::{DocumentPlace, DocumentStateStore, LockedPlace};
use conversation_state::{
    ConversationRecord, Durability, Fence, NewConversation, StateError, StateErrorKind, StateStore,
    StateWrite, Window,
};
use conversation_types::Message;

/// A directory with a file for each conversation, for any number of processes of one machine.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Creates the directory if it is missing.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        fs::create_dir_all(&path).map_err(|error| failed("open directory", &path, error))?;
        Ok(Self(path))
    }
}

/// The directory while its lock file is locked.
struct LockedDirectory<'a> {
    directory: &'a Path,
    _lock: File,
}

impl LockedDirectory<'_> {
    fn file(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{key}.json"))
    }
}

impl DocumentPlace for Directory {
    fn lock(&self) -> Result<Box<dyn LockedPlace + '_>, StateError> {
        let path = self.0.join("lock");
        let lock = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        let lock = lock().map_err(|error| failed("lock directory", &path, error))?;
        Ok(Box::new(LockedDirectory {
            directory: &self.0,
            _lock: lock,
        }))
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn backend(&self) -> &'static str {
        "directory"
    }
}

impl LockedPlace for LockedDirectory<'_> {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.file(key);
        match fs::read(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read document", &path, error)),
        }
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StateError> {
        let path = self.file(key);
        let put = || {
            // A crash leaves the old file or the new one.
            let next = path.with_extension("next");
            let mut file = File::create(&next)?;
            file.write_all(value)?;
            file.sync_all()?;
            fs::rename(next, &path)?;
            File::open(self.directory)?.sync_all()
        };
        put().map_err(|error| failed("write document", &path, error))
    }

    fn remove(&mut self, key: &str) -> Result<(), StateError> {
        let path = self.file(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove document", &path, error))
            }
            _ => Ok(()),
        }
    }
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> StateError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => StateErrorKind::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StateErrorKind::DiskSpace,
        _ => StateErrorKind::Unavailable,
    };
    StateError::new(kind, operation)
        .with_subject(path.display().to_string())
        .with_source(error)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("give a directory")?;
    let store = DocumentStateStore::new(Directory::open(path)?);
    let new = NewConversation::new(ConversationRecord::new("hello".parse()?));
    let new = new.with_key(Some("hello".to_owned()));
    let record = store.create(new).await?.into_record();
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let write = StateWrite::new(&record, fence).with_append([Message::user("Hello")]);
    store.apply(write).await?;
    let loaded = store.load(&record.id, Window::All.into()).await?;
    let messages = loaded.map_or(0, |loaded| loaded.messages.len());
    println!("{} has {messages} messages", record.id);
    Ok(())
}
