//! [`LocalKeys`].

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;

use super::master_key::MasterKey;
use super::record::{
    Directory, Generation, OwnerFile, Wrapped, disk_failure, from_hex, read, to_hex, write,
};
use crate::crypto::{self, CryptoFailure, Secret};
use crate::data_key::{DataKey, KeyId};
use crate::owner::KeyOwner;
use crate::provider::{KeyError, KeyErrorKind, KeyProvider};

/// Number of bytes of a [`KeyId`] that name the owner; the others name the generation.
const TAG_LEN: usize = 16;

const DIRECTORY_FILE: &str = "keys.json";

/// Data keys in a directory: a small file for each owner, with the key wrapped by a master key.
///
/// The names of the files do not reveal the owners without the master key. Several processes may use
/// one directory. Keep it outside of the media store, and out of its backups: who restores a forgotten
/// key restores what it encrypts.
///
/// ```
/// use media_encryption::{Encrypted, LocalKeys, MasterKey};
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
/// use media_types::{Mime, UserId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let directory = dir.path().join("keys");
/// let master_key = MasterKey::from_hex(&"5a".repeat(32))?; // from a secret manager
/// let keys = LocalKeys::builder(directory, master_key).with_create(true).open().await?;
/// let store = Encrypted::new(InMemoryStorage::new(), keys);
///
/// let ann: UserId = "ann".parse()?;
/// let metadata = MediaMetadata::new().with_user(ann.clone());
/// let reference = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await?;
/// assert_eq!(store.retrieve_bytes(&reference, 1024).await?, "bytes");
/// store.forget_key(ann).await?;
/// assert!(!store.exists(&reference).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LocalKeys {
    shared: Arc<Shared>,
}

/// Builder of [`LocalKeys`].
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalKeysBuilder {
    directory: PathBuf,
    master_keys: Vec<MasterKey>,
    create: bool,
}

/// What [`LocalKeys::rewrap`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Number of keys that the current master key wraps now.
    pub rewrapped: u64,
    /// Number of keys that it wrapped before.
    pub unchanged: u64,
}

struct Shared {
    directory: PathBuf,
    /// The current one first.
    master_keys: Vec<MasterKey>,
    names: Secret,
}

impl LocalKeys {
    /// Creates a builder from a directory and the master key that wraps new keys.
    pub fn builder(directory: impl Into<PathBuf>, master_key: MasterKey) -> LocalKeysBuilder {
        LocalKeysBuilder {
            directory: directory.into(),
            master_keys: vec![master_key],
            create: false,
        }
    }

    /// Wraps all keys by the current master key, so that earlier ones are no longer needed. Media is
    /// neither read nor written. If it fails in the middle, call it again.
    ///
    /// # Errors
    /// `Config` if a key is wrapped by a master key that was not given; `Damaged`, `Permission`,
    /// `Unavailable`.
    pub async fn rewrap(&self) -> Result<Rewrapped, KeyError> {
        self.blocking(Shared::rewrap).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || work(&shared)).await
    }
}

impl LocalKeysBuilder {
    /// Adds a master key that wrapped keys before. New keys are wrapped by the one of
    /// [`LocalKeys::builder`]. Defaults to none.
    pub fn with_previous_master_key(mut self, master_key: MasterKey) -> Self {
        self.master_keys.push(master_key);
        self
    }

    /// Sets whether the directory is created if there are no keys in it; its parent must exist. Defaults
    /// to `false`, so that a mistyped path is an error and not a set of new keys.
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Opens the directory.
    ///
    /// # Errors
    /// `Config` if there are no keys in the directory, or the master key is another one; `Damaged`,
    /// `Permission`, `Unavailable`.
    pub async fn open(self) -> Result<LocalKeys, KeyError> {
        blocking(move || {
            let path = self.directory.join(DIRECTORY_FILE);
            let found = match read(&path)? {
                None if self.create => Some(create_directory(&self.directory, &self.master_keys)?),
                found => found,
            };
            let found: Directory = found
                .ok_or_else(|| KeyError::new(KeyErrorKind::Config, "the directory has no keys"))?;
            let names = unwrap(&self.master_keys, DIRECTORY_FILE.as_bytes(), &found.names)?;
            let shared = Shared {
                directory: self.directory,
                master_keys: self.master_keys,
                names,
            };
            Ok(LocalKeys {
                shared: Arc::new(shared),
            })
        })
        .await
    }
}

#[async_trait]
impl KeyProvider for LocalKeys {
    async fn current_key(&self, owner: &KeyOwner) -> Result<DataKey, KeyError> {
        let owner = owner.clone();
        self.blocking(move |shared| shared.current_key(&owner))
            .await
    }

    async fn key(&self, id: KeyId) -> Result<DataKey, KeyError> {
        self.blocking(move |shared| shared.key(id)).await
    }

    async fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError> {
        let owner = owner.clone();
        self.blocking(move |shared| shared.forget(&owner)).await
    }
}

impl Shared {
    fn current_key(&self, owner: &KeyOwner) -> Result<DataKey, KeyError> {
        let tag = self.tag(owner);
        let path = self.path(&tag);
        if let Some(current) = read(&path)?.and_then(|file: OwnerFile| file.current) {
            return self.data_key(&tag, &current);
        }
        let _lock = lock(&self.directory)?;
        let mut file = read(&path)?.unwrap_or_else(OwnerFile::new);
        if let Some(current) = &file.current {
            return self.data_key(&tag, current);
        }
        let generation: [u8; KeyId::LEN - TAG_LEN] = crypto::random().map_err(failed)?;
        let secret = Secret::new(crypto::random().map_err(failed)?);
        let id = key_id(&tag, &generation);
        file.current = Some(Generation {
            generation: to_hex(&generation),
            key: self.wrap(id.as_bytes(), &secret)?,
        });
        write(&path, &file)?;
        Ok(DataKey::new(id, *secret))
    }

    fn key(&self, id: KeyId) -> Result<DataKey, KeyError> {
        let (tag, generation) = id.as_bytes().split_at(TAG_LEN);
        let generation = to_hex(generation);
        let file: Option<OwnerFile> = read(&self.path(tag))?;
        let file = file.unwrap_or_else(OwnerFile::new);
        if let Some(current) = file.current.filter(|key| key.generation == generation) {
            return self.data_key(tag, &current);
        }
        if file.forgotten.contains(&generation) {
            return Err(KeyError::new(
                KeyErrorKind::Forgotten,
                "the key was forgotten",
            ));
        }
        Err(KeyError::new(
            KeyErrorKind::Unknown,
            format!("the directory of keys does not have the key {id}"),
        ))
    }

    fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError> {
        let path = self.path(&self.tag(owner));
        let _lock = lock(&self.directory)?;
        let Some(mut file) = read::<OwnerFile>(&path)? else {
            return Ok(false);
        };
        let Some(current) = file.current.take() else {
            return Ok(false);
        };
        file.forgotten.push(current.generation);
        write(&path, &file)?;
        Ok(true)
    }

    fn rewrap(&self) -> Result<Rewrapped, KeyError> {
        let _lock = lock(&self.directory)?;
        let mut done = Rewrapped::default();
        for entry in fs::read_dir(&self.directory).map_err(disk_failure)? {
            let path = entry.map_err(disk_failure)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            let Some(tag) = from_hex(name).filter(|tag| tag.len() == TAG_LEN) else {
                continue;
            };
            let file: Option<OwnerFile> = read(&path)?;
            let Some(mut file) = file else { continue };
            let Some(current) = &mut file.current else {
                continue;
            };
            if self.is_current(&current.key) {
                done.unchanged += 1;
                continue;
            }
            let id = parse_id(&tag, &current.generation)?;
            let secret = unwrap(&self.master_keys, id.as_bytes(), &current.key)?;
            current.key = self.wrap(id.as_bytes(), &secret)?;
            write(&path, &file)?;
            done.rewrapped += 1;
        }
        // Last: until it is rewrapped, the directory opens with the earlier key only.
        let path = self.directory.join(DIRECTORY_FILE);
        let names = self.wrap(DIRECTORY_FILE.as_bytes(), &self.names)?;
        write(&path, &Directory::new(names))?;
        Ok(done)
    }

    fn tag(&self, owner: &KeyOwner) -> [u8; TAG_LEN] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.names.as_slice());
        let mut context = hmac::Context::with_key(&key);
        context.update(owner.kind().as_bytes());
        context.update(&[0]);
        context.update(owner.id().as_bytes());
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_LEN]);
        tag
    }

    fn path(&self, tag: &[u8]) -> PathBuf {
        self.directory.join(format!("{}.json", to_hex(tag)))
    }

    fn data_key(&self, tag: &[u8], key: &Generation) -> Result<DataKey, KeyError> {
        let id = parse_id(tag, &key.generation)?;
        let secret = unwrap(&self.master_keys, id.as_bytes(), &key.key)?;
        Ok(DataKey::new(id, *secret))
    }

    fn wrap(&self, name: &[u8], secret: &[u8; 32]) -> Result<Wrapped, KeyError> {
        wrap(&self.master_keys, name, secret)
    }

    fn is_current(&self, key: &Wrapped) -> bool {
        let current = self.master_keys.first();
        current.is_some_and(|master| to_hex(&master.fingerprint()) == key.master_key)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

fn create_directory(directory: &Path, master_keys: &[MasterKey]) -> Result<Directory, KeyError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(disk_failure(error));
        }
        _ => {}
    }
    let _lock = lock(directory)?;
    let path = directory.join(DIRECTORY_FILE);
    if let Some(created) = read(&path)? {
        return Ok(created);
    }
    let names = Secret::new(crypto::random().map_err(failed)?);
    let created = Directory::new(wrap(master_keys, DIRECTORY_FILE.as_bytes(), &names)?);
    write(&path, &created)?;
    Ok(created)
}

/// Locks the directory against other writers until the file is dropped.
fn lock(directory: &Path) -> Result<File, KeyError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(directory.join("lock")).map_err(disk_failure)?;
    file.lock().map_err(disk_failure)?;
    Ok(file)
}

fn wrap(master_keys: &[MasterKey], name: &[u8], secret: &[u8; 32]) -> Result<Wrapped, KeyError> {
    let master_key = master_keys.first().ok_or_else(|| failed(CryptoFailure))?;
    Ok(Wrapped {
        master_key: to_hex(&master_key.fingerprint()),
        secret: to_hex(&master_key.wrap(name, secret).map_err(failed)?),
    })
}

fn unwrap(master_keys: &[MasterKey], name: &[u8], key: &Wrapped) -> Result<Secret, KeyError> {
    let mut candidates = master_keys.iter();
    let master_key = candidates
        .find(|master| to_hex(&master.fingerprint()) == key.master_key)
        .ok_or_else(|| {
            KeyError::new(
                KeyErrorKind::Config,
                "the keys are wrapped by a master key that was not given",
            )
        })?;
    let damaged = || KeyError::new(KeyErrorKind::Damaged, "a wrapped key is damaged");
    let wrapped = from_hex(&key.secret).ok_or_else(damaged)?;
    master_key.unwrap(name, &wrapped).map_err(|_| damaged())
}

fn key_id(tag: &[u8], generation: &[u8]) -> KeyId {
    let mut bytes = [0; KeyId::LEN];
    for (byte, value) in bytes.iter_mut().zip(tag.iter().chain(generation)) {
        *byte = *value;
    }
    KeyId::from_bytes(bytes)
}

fn parse_id(tag: &[u8], generation: &str) -> Result<KeyId, KeyError> {
    from_hex(generation)
        .filter(|bytes| bytes.len() == KeyId::LEN - TAG_LEN)
        .map(|generation| key_id(tag, &generation))
        .ok_or_else(|| KeyError::new(KeyErrorKind::Damaged, "a file of keys is damaged"))
}

fn failed(_: CryptoFailure) -> KeyError {
    KeyError::new(KeyErrorKind::Unavailable, "a key could not be created")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
) -> Result<T, KeyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(ended) => Err(
            KeyError::new(KeyErrorKind::Unavailable, "the runtime is shutting down")
                .with_source(ended),
        ),
    }
}
