//! A strongly consistent bucket with the guarantees of S3 and GCS, behind both in-process servers.
//!
//! The index is a map under one lock. A change checks its condition and is carried out while the lock
//! is held, after the bytes have arrived: one of many conditional puts wins, an object always has its
//! own tag, and a request that is dropped is carried out completely or not at all.

mod listing;
mod object;
mod staging;
mod uploads;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_core::Stream;

pub(crate) use listing::{ListQuery, Page};
pub(crate) use object::{Attributes, Object, hex};
pub use staging::MEMORY_LIMIT;
pub(crate) use staging::Piece;
use staging::Staging;
use uploads::{Done, Upload};

/// Condition of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    Absent,
    Present,
    ETag(String),
    Generation(u64),
}

/// Reason why a change was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Condition,
    NoSuchKey,
    NoSuchUpload,
    InvalidPart,
    PartOrder,
    PartTooSmall,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    staging: Staging,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Arc<Object>>,
    uploads: HashMap<String, Upload>,
    done: HashMap<String, Done>,
    generation: u64,
}

impl Bucket {
    /// Creates a bucket with large bodies in files of `dir`, which is created.
    pub(crate) async fn new(dir: PathBuf) -> io::Result<Self> {
        Ok(Self {
            staging: Staging::new(dir).await?,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives a body, which is not visible yet.
    pub(crate) async fn receive<S, B, E>(&self, body: S) -> io::Result<Piece>
    where
        S: Stream<Item = Result<B, E>> + Send,
        B: Into<bytes::Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.staging.receive(body).await
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.state().objects.get(key).cloned()
    }

    pub(crate) fn put(
        &self,
        key: &str,
        piece: Piece,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<Arc<Object>, Refusal> {
        let e_tag = object::hex(&piece.md5());
        self.state()
            .put(key, vec![piece], e_tag, attributes, condition)
    }

    /// Removes an object. Returns whether it existed.
    pub(crate) fn delete(&self, key: &str, condition: &Condition) -> Result<bool, Refusal> {
        let mut state = self.state();
        state.check(key, condition)?;
        Ok(state.objects.remove(key).is_some())
    }

    pub(crate) fn copy(
        &self,
        from: &str,
        to: &str,
        attributes: Option<Attributes>,
        condition: &Condition,
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let source = state.objects.get(from).cloned().ok_or(Refusal::NoSuchKey)?;
        let attributes = attributes.unwrap_or_else(|| source.attributes.clone());
        let pieces = source.pieces().to_vec();
        state.put(to, pieces, source.e_tag.clone(), attributes, condition)
    }

    pub(crate) fn list(&self, query: &ListQuery<'_>) -> Page {
        listing::list(&self.state().objects, query)
    }
}

impl State {
    fn check(&self, key: &str, condition: &Condition) -> Result<(), Refusal> {
        let object = self.objects.get(key);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => object.is_none(),
            Condition::Present => object.is_some(),
            Condition::ETag(e_tag) => object.is_some_and(|object| object.e_tag == *e_tag),
            Condition::Generation(0) => object.is_none(),
            Condition::Generation(number) => {
                object.is_some_and(|object| object.generation == *number)
            }
        };
        if holds {
            Ok(())
        } else {
            Err(Refusal::Condition)
        }
    }

    fn put(
        &mut self,
        key: &str,
        pieces: Vec<Piece>,
        e_tag: String,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<Arc<Object>, Refusal> {
        self.check(key, condition)?;
        self.generation += 1;
        let object = Arc::new(Object::new(pieces, e_tag, self.generation, attributes));
        self.objects.insert(key.to_owned(), Arc::clone(&object));
        Ok(object)
    }
}
