//! The file store, its peers and the work done by hand, behind one face.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurposeConfig, Simd};
use bytes::Bytes;
use media_loader::MediaLoader;
use media_storage::{MediaBody, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload};
use media_store_fs::{Durability, FileStore};
use media_types::{MediaContent, MediaSource, Mime, StorageReference};
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;
use sha2::Digest as _;

use crate::Result;
use crate::bodies::Bodies;

/// The codec that the store uses, as a careful hand would use it.
static ENGINE: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    )
});

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// Where media belongs: conversations of 100 media, sessions of 10 conversations.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    session: usize,
    conversation: usize,
}

impl Seat {
    /// The seat of the n-th medium of a store that is being filled.
    pub fn filling(n: usize) -> Self {
        Self {
            session: n / 1000,
            conversation: n / 100 % 10,
        }
    }

    /// The seat of the n-th medium that is measured: eight conversations go on at once.
    pub fn active(n: usize) -> Self {
        Self::among(8, n)
    }

    /// The same, with a number of conversations.
    pub fn among(conversations: usize, n: usize) -> Self {
        let conversation = n % conversations;
        Self {
            session: conversation / 10,
            conversation: conversation % 10,
        }
    }

    fn path(self) -> String {
        format!("session-{}/conv-{}", self.session, self.conversation)
    }

    fn metadata(self) -> Result<MediaMetadata> {
        Ok(MediaMetadata::new()
            .with_session(format!("session-{}", self.session).parse()?)
            .with_conversation(format!("conv-{}", self.conversation).parse()?)
            .with_user("user-1".parse()?))
    }
}

/// What stands for stored media.
#[derive(Clone, Debug)]
pub enum Receipt {
    /// A file of the work done by hand.
    File(PathBuf),
    /// A reference of the file store.
    Reference(Box<StorageReference>),
    /// An object.
    Object(object_store::path::Path),
    /// A key of a cache, and what it holds.
    Cached(String, cacache::Integrity),
}

/// Who stores and loads.
#[derive(Clone, Debug)]
pub enum Contender {
    /// Decode, hash, write, rename; by hand, in a directory of its own.
    Floor(Floor),
    /// The file store.
    Store(FileStore, Box<MediaLoader>),
    /// `object_store::local::LocalFileSystem`. It does not hash.
    Local(Arc<LocalFileSystem>),
    /// `cacache`, which hashes and keeps an index.
    Cacache(PathBuf),
}

impl Contender {
    /// The work done by hand.
    ///
    /// # Errors
    /// Of the file system.
    pub fn floor(dir: &Path, durability: Durability, manner: Manner) -> Result<Self> {
        for n in 0..8 {
            std::fs::create_dir_all(dir.join(Seat::active(n).path()))?;
        }
        Ok(Self::Floor(Floor {
            dir: dir.to_owned(),
            synced: durability == Durability::Synced,
            manner,
        }))
    }

    /// The file store.
    ///
    /// # Errors
    /// Of the store.
    pub async fn store(dir: &Path, durability: Durability, deduplication: bool) -> Result<Self> {
        let store = FileStore::builder(dir)
            .with_durability(durability)
            .with_deduplication(deduplication)
            .build()
            .await?;
        let loader = MediaLoader::builder()
            .with_storage(Arc::new(store.clone()))
            .with_max_bytes(u64::MAX)
            .build();
        Ok(Self::Store(store, Box::new(loader)))
    }

    /// `object_store`'s local file system.
    ///
    /// # Errors
    /// Of the store.
    pub fn local(dir: &Path, durability: Durability) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let store = LocalFileSystem::new_with_prefix(dir)?;
        Ok(Self::Local(Arc::new(
            store.with_fsync(durability == Durability::Synced),
        )))
    }

    /// `cacache`. It does not know durability.
    pub fn cacache(dir: &Path) -> Self {
        Self::Cacache(dir.to_owned())
    }

    /// Makes the directories that a store in use has: stores a thousand small media.
    ///
    /// # Errors
    /// Of the contender.
    pub async fn warm(&self) -> Result<()> {
        let mut bodies = Bodies::new(64);
        for n in 0..1000 {
            self.put(bodies.base64(), Seat::active(n)).await?;
        }
        Ok(())
    }

    /// Stores media that is given in base64.
    ///
    /// # Errors
    /// Of the contender.
    pub async fn put(&self, text: Bytes, seat: Seat) -> Result<Receipt> {
        match self {
            Self::Floor(floor) => floor.put(&text, seat).map(Receipt::File),
            Self::Store(store, _) => {
                let body = MediaBody::from_base64(text);
                let upload = MediaUpload::new(Mime::IMAGE_PNG, body, seat.metadata()?);
                Ok(Receipt::Reference(Box::new(store.store(upload).await?)))
            }
            Self::Local(store) => {
                let bytes = ENGINE.decode(&text)?;
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let path = format!("{}/{number:032x}.png", seat.path()).into();
                store.put(&path, bytes.into()).await?;
                Ok(Receipt::Object(path))
            }
            Self::Cacache(dir) => {
                let bytes = ENGINE.decode(&text)?;
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let key = format!("{}/{number:032x}.png", seat.path());
                let integrity = cacache::write(dir, &key, bytes).await?;
                Ok(Receipt::Cached(key, integrity))
            }
        }
    }

    /// Loads media as base64 text, verified by those who can.
    ///
    /// # Errors
    /// Of the contender.
    pub async fn base64(&self, receipt: &Receipt) -> Result<String> {
        match (self, receipt) {
            (Self::Store(_, loader), Receipt::Reference(reference)) => {
                let source = MediaSource::Stored((**reference).clone());
                let content = MediaContent::new(Mime::IMAGE_PNG, source);
                Ok(loader.base64(&content).await?)
            }
            _ => Ok(ENGINE.encode(self.bytes(receipt).await?)),
        }
    }

    /// Loads media, verified by those who can.
    ///
    /// # Errors
    /// Of the contender.
    pub async fn bytes(&self, receipt: &Receipt) -> Result<Bytes> {
        match (self, receipt) {
            (Self::Floor(_), Receipt::File(path)) => {
                let bytes = std::fs::read(path)?;
                std::hint::black_box(sha2::Sha256::digest(&bytes));
                Ok(bytes.into())
            }
            (Self::Store(store, _), Receipt::Reference(reference)) => {
                Ok(store.retrieve_bytes(reference, u64::MAX).await?)
            }
            (Self::Local(store), Receipt::Object(path)) => {
                Ok(store.get(path).await?.bytes().await?)
            }
            (Self::Cacache(dir), Receipt::Cached(key, _)) => {
                Ok(cacache::read(dir, key).await?.into())
            }
            _ => Err("a receipt of another contender".into()),
        }
    }

    /// Removes media.
    ///
    /// # Errors
    /// Of the contender.
    pub async fn remove(&self, receipt: &Receipt) -> Result<()> {
        match (self, receipt) {
            (Self::Floor(_), Receipt::File(path)) => std::fs::remove_file(path)?,
            (Self::Store(store, _), Receipt::Reference(reference)) => {
                store.delete(reference).await?;
            }
            (Self::Local(store), Receipt::Object(path)) => store.delete(path).await?,
            (Self::Cacache(dir), Receipt::Cached(key, _)) => {
                let options = cacache::RemoveOpts::new().remove_fully(true);
                options.remove(dir, key).await?;
            }
            _ => return Err("a receipt of another contender".into()),
        }
        Ok(())
    }
}

/// How the work is done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Everything is decoded, then hashed, then written.
    Whole,
    /// Piece by piece, through memory that is used again.
    Pieces,
}

/// The least that storing takes: decode, hash, write to one name, rename to another. Nothing about
/// the media is kept.
#[derive(Clone, Debug)]
pub struct Floor {
    dir: PathBuf,
    synced: bool,
    manner: Manner,
}

thread_local! {
    static PIECE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Floor {
    fn put(&self, text: &[u8], seat: Seat) -> Result<PathBuf> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let staged = self.dir.join(format!("{number:032x}.tmp"));
        let mut file = File::create_new(&staged)?;
        let hash = self.decode(text, |bytes| Ok(file.write_all(bytes)?))?;
        if self.synced {
            file.sync_all()?;
        }
        drop(file);
        let dir = self.dir.join(seat.path());
        let path = dir.join(format!("{hash}-{number:032x}.png"));
        std::fs::rename(&staged, &path)?;
        if self.synced {
            File::open(&dir)?.sync_all()?;
        }
        Ok(path)
    }

    fn decode(&self, text: &[u8], mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<String> {
        let digest = match self.manner {
            Manner::Whole => {
                let bytes = ENGINE.decode(text)?;
                sink(&bytes)?;
                sha2::Sha256::digest(&bytes)
            }
            Manner::Pieces => PIECE.with_borrow_mut(|piece| -> Result<_> {
                piece.resize(48 * 1024, 0);
                let mut hasher = sha2::Sha256::new();
                for symbols in text.chunks(64 * 1024) {
                    let len = ENGINE.decode_slice(symbols, piece)?;
                    let bytes = piece.get(..len).unwrap_or_default();
                    hasher.update(bytes);
                    sink(bytes)?;
                }
                Ok(hasher.finalize())
            })?,
        };
        let mut hex = String::new();
        for byte in digest.iter().take(3) {
            hex.push_str(&format!("{byte:02x}"));
        }
        Ok(hex)
    }
}

/// Decodes and hashes by hand and keeps nothing.
///
/// # Errors
/// For text that is not base64.
pub fn decode_and_hash(text: &[u8], manner: Manner) -> Result<String> {
    let floor = Floor {
        dir: PathBuf::new(),
        synced: false,
        manner,
    };
    floor.decode(text, |_| Ok(()))
}

/// Writes a file as large as a sidecar, links it to a second name and makes both durable, as the
/// work of storing a duplicate done by hand.
///
/// # Errors
/// Of the file system.
pub fn two_fsyncs(dir: &Path) -> Result<()> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let (staged, path) = (
        dir.join(format!("{number:032x}.tmp")),
        dir.join(format!("{number:032x}.meta")),
    );
    let mut file = File::create_new(&staged)?;
    file.write_all(&[b'x'; 500])?;
    file.sync_all()?;
    std::fs::rename(&staged, &path)?;
    File::open(dir)?.sync_all()?;
    Ok(())
}
