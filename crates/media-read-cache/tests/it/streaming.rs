//! A store whose bodies come in pieces, are counted, and wait for the test.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_storage::{MediaBody, MediaStorage, RetrieveOptions, StorageError, StoredMedia, next};
use media_types::StorageReference;
use tokio::sync::{Semaphore, oneshot};

const PIECE: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Streaming<S> {
    inner: S,
    taken: Arc<AtomicU64>,
    heads: Arc<AtomicU64>,
    bodies: Arc<AtomicU64>,
    pieces: Arc<Semaphore>,
    lies: Arc<AtomicBool>,
    hold: Arc<Mutex<Option<Hold>>>,
}

/// Says that an answer is there, and waits.
type Hold = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl<S> Streaming<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            taken: Arc::default(),
            heads: Arc::default(),
            bodies: Arc::default(),
            pieces: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            lies: Arc::default(),
            hold: Arc::default(),
        }
    }

    /// Holds the next head back: the first says that it is there, the second lets it pass.
    pub(crate) fn hold_head(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (there, arrived) = oneshot::channel();
        let (go, held) = oneshot::channel();
        *self.hold.lock().unwrap() = Some((there, held));
        (arrived, go)
    }

    /// Lets only so many pieces pass from now on.
    pub(crate) fn hold_after(&self, pieces: usize) {
        self.pieces.forget_permits(usize::MAX);
        self.pieces.add_permits(pieces);
    }

    pub(crate) fn let_all_pass(&self) {
        self.pieces.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Gives other bytes of the same number.
    pub(crate) fn set_lying(&self, lies: bool) {
        self.lies.store(lies, Ordering::SeqCst);
    }

    /// Bytes that came out of bodies.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> u64 {
        self.heads.load(Ordering::SeqCst)
    }

    /// How many bodies were opened.
    pub(crate) fn bodies(&self) -> u64 {
        self.bodies.load(Ordering::SeqCst)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Streaming<S> {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, store, delete_opts, duplicate, update, delete_many, url_signer,
        inventory, verifier, importer,
    );

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let head = options.head();
        let mut stored = self.inner.retrieve_opts(reference, options).await?;
        if head {
            self.heads.fetch_add(1, Ordering::SeqCst);
            let hold = self.hold.lock().unwrap().take();
            if let Some((there, held)) = hold {
                there.send(()).unwrap();
                held.await.unwrap();
            }
            return Ok(stored);
        }
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let len = stored.body.len();
        let lies = self.lies.load(Ordering::SeqCst);
        let empty = MediaBody::from_bytes(Bytes::new());
        let body = std::mem::replace(&mut stored.body, empty).into_stream();
        let cut = stream::unfold((body, Bytes::new()), |(mut body, mut rest)| async move {
            if rest.is_empty() {
                rest = match next(&mut body).await? {
                    Ok(piece) => piece,
                    Err(error) => return Some((Err(error), (body, rest))),
                };
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            Some((Ok(piece), (body, rest)))
        });
        let (pieces, taken) = (Arc::clone(&self.pieces), Arc::clone(&self.taken));
        let held = cut.then(move |piece| {
            let (pieces, taken) = (Arc::clone(&pieces), Arc::clone(&taken));
            async move {
                pieces.acquire().await.unwrap().forget();
                let len = piece.as_ref().map_or(0, Bytes::len);
                taken.fetch_add(len as u64, Ordering::SeqCst);
                piece.map(|piece| match lies {
                    true => piece.iter().map(|byte| !byte).collect(),
                    false => piece,
                })
            }
        });
        stored.body = MediaBody::from_stream(len, held);
        Ok(stored)
    }
}
