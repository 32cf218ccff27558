//! Names of objects in the bucket.

use media_storage::layout::{FileName, MediaId, parse_media_key};
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::Sha256;
use object_store::path::Path;

use crate::protocol::Token;

/// Where everything that is not media lies, below the prefix.
const INTERNAL: &str = ".store/v1";

/// Makes the names of objects. Everything that it is given was checked before.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Path,
}

impl Keys {
    pub(crate) fn new(prefix: Path) -> Self {
        Self { prefix }
    }

    /// What all names begin with.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    fn at(&self, rest: &str) -> Result<Path, StorageError> {
        let text = match self.prefix.as_ref() {
            "" => rest.to_owned(),
            prefix => format!("{prefix}/{rest}"),
        };
        Path::parse(text).map_err(|error| {
            StorageError::new(StorageErrorKind::InvalidRef, Operation::Open).with_source(error)
        })
    }

    fn internal(&self, rest: &str) -> Result<Path, StorageError> {
        self.at(&format!("{INTERNAL}/{rest}"))
    }

    /// An object that a probe may write and remove; `name` is random.
    pub(crate) fn probe(&self, name: &str) -> Result<Path, StorageError> {
        self.internal(&format!("probe/{name}"))
    }
}
