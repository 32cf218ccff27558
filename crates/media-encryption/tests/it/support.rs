//! Stores and providers for the tests.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use media_encryption::{
    DataKey, Encrypted, KeyError, KeyErrorKind, KeyId, KeyOwner, KeyProvider, LocalKeys, MasterKey,
};
use media_storage::{MediaMetadata, MediaStorage, MediaStorageExt as _, StorageError};
use media_store_fs::FileStore;
use media_types::{Mime, StorageReference};
use tokio::sync::oneshot;

pub(crate) fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

pub(crate) async fn local(directory: &Path) -> LocalKeys {
    let keys = LocalKeys::builder(directory.join("keys"), master(7)).with_create(true);
    keys.open().await.unwrap()
}

pub(crate) async fn files(directory: &Path) -> FileStore {
    let store = FileStore::builder(directory.join("media")).with_deduplication(true);
    store.build().await.unwrap()
}

/// A store of a directory, with its own handles on files and keys, like another process.
pub(crate) async fn process(directory: &Path) -> Encrypted<FileStore> {
    Encrypted::new(files(directory).await, local(directory).await)
}

pub(crate) fn of(user: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_session("session-1".parse().unwrap())
        .with_conversation("conv-1".parse().unwrap())
        .with_user(user.parse().unwrap())
}

pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let next = |_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(next).collect()
}

pub(crate) async fn put(
    store: &impl MediaStorage,
    bytes: &Bytes,
    user: &str,
) -> Result<StorageReference, StorageError> {
    store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), of(user))
        .await
}

/// A provider that counts what it is asked, and can be down.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    inner: LocalKeys,
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) down: Arc<AtomicBool>,
    /// Holds the next answer back: says that it is there, and waits.
    pub(crate) hold: Arc<Mutex<Option<Hold>>>,
}

type Hold = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl Watched {
    pub(crate) fn new(inner: LocalKeys) -> Self {
        Self {
            inner,
            asked: Arc::default(),
            down: Arc::default(),
            hold: Arc::default(),
        }
    }

    async fn answer<T>(&self, answer: T) -> T {
        let hold = self.hold.lock().unwrap().take();
        if let Some((there, go)) = hold {
            there.send(()).unwrap();
            go.await.unwrap();
        }
        answer
    }

    fn ask(&self) -> Result<(), KeyError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(KeyError::new(
                KeyErrorKind::Unavailable,
                "connection refused",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyProvider for Watched {
    async fn current_key(&self, owner: &KeyOwner) -> Result<DataKey, KeyError> {
        self.ask()?;
        self.answer(self.inner.current_key(owner).await).await
    }

    async fn key(&self, id: KeyId) -> Result<DataKey, KeyError> {
        self.ask()?;
        self.answer(self.inner.key(id).await).await
    }

    async fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError> {
        self.ask()?;
        self.inner.forget(owner).await
    }
}
