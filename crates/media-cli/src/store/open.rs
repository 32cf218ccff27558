//! Opening a store without ever creating one by mistake.

use std::io;
use std::path::Path;
use std::sync::Arc;

use media_storage::{Inventory, MediaStorage, Organization, Scope, StorageErrorKind};
use media_store_fs::FileStore;
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use serde::Deserialize;

use crate::failure::{Failure, Outcome};
use crate::output::escaped;
use crate::store::arguments::AccessArguments;
use crate::store::location::Location;

/// The file that makes a directory a store.
const FORMAT: &str = ".store/format.json";

/// A store that a command works on.
#[derive(Clone, Debug)]
pub(crate) struct OpenStore {
    storage: Arc<dyn MediaStorage>,
    files: Option<FileStore>,
    location: Location,
    organizations: Vec<Organization>,
    shares_bytes: bool,
}

impl OpenStore {
    /// Returns the store.
    pub(crate) fn storage(&self) -> &dyn MediaStorage {
        &*self.storage
    }

    /// Returns a handle to the store.
    pub(crate) fn handle(&self) -> Arc<dyn MediaStorage> {
        Arc::clone(&self.storage)
    }

    /// Returns the store where it is a directory.
    pub(crate) fn files(&self) -> Option<&FileStore> {
        self.files.as_ref()
    }

    /// Returns where it is.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Returns every organization that it was ever opened with.
    pub(crate) fn organizations(&self) -> &[Organization] {
        &self.organizations
    }

    /// Returns whether it keeps equal bytes once.
    pub(crate) fn shares_bytes(&self) -> bool {
        self.shares_bytes
    }

    /// Returns its inventory.
    pub(crate) fn inventory(&self) -> Outcome<&dyn Inventory> {
        self.storage
            .inventory()
            .ok_or_else(|| Failure::failed(format!("{} cannot be listed", self.location)))
    }

    /// Returns the entries of a scope.
    pub(crate) fn list(
        &self,
        scope: Scope,
    ) -> Outcome<
        futures_util::stream::BoxStream<
            'static,
            Result<media_storage::Entry, media_storage::StorageError>,
        >,
    > {
        Ok(self.inventory()?.list(scope))
    }
}

/// What a store is to be like that does not exist yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewStore {
    /// How its keys are laid out.
    pub(crate) organization: Option<Organization>,
    /// Whether it keeps equal bytes once. `None`: as an existing store does; a new one does.
    pub(crate) share_bytes: Option<bool>,
    /// Whether it may be created.
    pub(crate) creation: Creation,
}

/// Whether a command creates a store that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It never does.
    #[default]
    Never,
    /// It would with `--create`.
    NotAsked,
    /// It does: `--create` was given.
    Asked,
}

impl Creation {
    /// Whether `--create` was given to a command that has it.
    pub(crate) fn of_flag(create: bool) -> Self {
        if create { Self::Asked } else { Self::NotAsked }
    }

    /// Says in an error that there is no store what would make one.
    fn hint(self) -> &'static str {
        match self {
            Self::NotAsked => "; --create makes a store there",
            Self::Never | Self::Asked => "",
        }
    }
}

/// Opens a store that is there. Writes nothing.
pub(crate) async fn open_existing(
    location: &Location,
    access: &AccessArguments,
) -> Outcome<OpenStore> {
    open_or_create(location, access, NewStore::default()).await
}

/// Opens a store that is there, for a command that could create it: an error says so. Writes nothing.
pub(crate) async fn open_target(
    location: &Location,
    access: &AccessArguments,
) -> Outcome<OpenStore> {
    let new = NewStore {
        creation: Creation::NotAsked,
        ..NewStore::default()
    };
    open_or_create(location, access, new).await
}

/// Opens a store; creates it where that is allowed.
pub(crate) async fn open_or_create(
    location: &Location,
    access: &AccessArguments,
    new: NewStore,
) -> Outcome<OpenStore> {
    match location {
        Location::Directory(path) => {
            if !access.options()?.is_empty() {
                return Err(Failure::usage(
                    "--option is for buckets, and the store is a directory",
                ));
            }
            open_directory(location, path, access, new).await
        }
        Location::Bucket(url) => open_bucket(location, url, access, new).await,
    }
}

/// What the format file says about a directory.
#[derive(Debug, Deserialize)]
struct Format {
    organizations: Vec<String>,
}

fn read_format(path: &Path) -> Outcome<Option<Format>> {
    let shown = escaped(&path.to_string_lossy());
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Failure::failed(format!("{shown:?} is not a directory")));
        }
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(Failure::io("open the directory", path)(error)),
        Ok(_) => {}
    }
    let json = match std::fs::read(path.join(FORMAT)) {
        Ok(json) => json,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(Failure::io("read the format of the store in", path)(error)),
    };
    let format = serde_json::from_slice(&json).map_err(|error| {
        Failure::data(format!("{FORMAT} in {shown:?} cannot be read")).because(error)
    })?;
    Ok(Some(format))
}

fn no_store(path: &Path, creation: Creation) -> Failure {
    let hint = creation.hint();
    let shown = escaped(&path.to_string_lossy());
    if path.is_dir() {
        Failure::no_store(format!(
            "there is no media store in the directory {shown:?} (no {FORMAT}){hint}"
        ))
    } else {
        Failure::no_store(format!("the directory {shown:?} does not exist{hint}"))
    }
}

async fn open_directory(
    location: &Location,
    path: &Path,
    access: &AccessArguments,
    new: NewStore,
) -> Outcome<OpenStore> {
    let format = read_format(path)?;
    let mut organizations: Vec<Organization> = match &format {
        Some(format) => format
            .organizations
            .iter()
            .filter_map(|word| word.parse().ok())
            .collect(),
        None if new.creation == Creation::Asked => Vec::new(),
        None => return Err(no_store(path, new.creation)),
    };
    let organization = new
        .organization
        .or_else(|| organizations.iter().max().copied())
        .unwrap_or_default();
    if !organizations.contains(&organization) {
        organizations.push(organization);
    }
    let shares_bytes = new.share_bytes.unwrap_or_else(|| match format {
        Some(_) => holds_blobs(path),
        None => true,
    });
    let mut builder = FileStore::builder(path)
        .with_organization(organization)
        .with_deduplication(shares_bytes)
        .with_permissions(permissions(path));
    if let Some(name) = &access.store_name {
        builder = builder.with_name(name);
    }
    let files = builder
        .build()
        .await
        .map_err(|error| cannot_open(location, error))?;
    Ok(OpenStore {
        storage: Arc::new(files.clone()),
        files: Some(files),
        location: location.clone(),
        organizations,
        shares_bytes,
    })
}

fn cannot_open(location: &Location, error: media_storage::StorageError) -> Failure {
    let is_wrong = error.kind() == StorageErrorKind::Config;
    // The location carries more than "open of file".
    let reason = error.reason().map(str::to_owned);
    let failure = Failure::from(error);
    match reason {
        Some(reason) if is_wrong => Failure::failed(format!("failed to open {location}: {reason}")),
        _ => failure,
    }
}

/// Whether the directory shares bytes through blobs now.
fn holds_blobs(path: &Path) -> bool {
    ["sha256", "buffered"].iter().any(|class| {
        std::fs::read_dir(path.join(".store/blobs").join(class))
            .is_ok_and(|mut entries| entries.next().is_some())
    })
}

/// The permissions that new files get: as open as the directory is.
#[cfg(unix)]
fn permissions(path: &Path) -> media_store_fs::FilePermissions {
    use std::os::unix::fs::MetadataExt as _;
    let mode = std::fs::metadata(path).map_or(0o700, |metadata| metadata.mode() & 0o777);
    match mode {
        mode if mode & 0o020 != 0 => media_store_fs::FilePermissions::GroupShared,
        mode if mode & 0o040 != 0 => media_store_fs::FilePermissions::GroupReadable,
        _ => media_store_fs::FilePermissions::Private,
    }
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> media_store_fs::FilePermissions {
    media_store_fs::FilePermissions::Private
}

async fn open_bucket(
    location: &Location,
    url: &str,
    access: &AccessArguments,
    new: NewStore,
) -> Outcome<OpenStore> {
    let options = access.options()?;
    let builder = || {
        let mut builder = ObjectMediaStore::builder().with_url(url).with_env();
        for (key, value) in &options {
            builder = builder.with_option(*key, *value);
        }
        if let Some(name) = &access.store_name {
            builder = builder.with_name(name);
        }
        if let Some(organization) = new.organization {
            builder = builder.with_organization(organization);
        }
        builder
    };
    // A bucket is moved on to another protocol by the service that uses it, never by a look at it.
    let existing = builder().with_protocol(ProtocolVersion::First);
    let opened = match existing.with_existing(true).build().await {
        Err(error) if new.creation == Creation::Asked && is_no_store(&error) => {
            let share = new.share_bytes.unwrap_or(true);
            builder().with_deduplication(share).build().await
        }
        other => other,
    };
    let store = opened.map_err(|error| match is_no_store(&error) {
        true => {
            let (reason, hint) = (media_store_object::NO_STORE, new.creation.hint());
            Failure::no_store(format!("failed to open {location}: {reason}{hint}"))
        }
        false => cannot_open(location, error),
    })?;
    Ok(OpenStore {
        organizations: store.organizations().to_vec(),
        shares_bytes: store.is_deduplicating(),
        storage: Arc::new(store),
        files: None,
        location: location.clone(),
    })
}

fn is_no_store(error: &media_storage::StorageError) -> bool {
    error.reason() == Some(media_store_object::NO_STORE)
}
