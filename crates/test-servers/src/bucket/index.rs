//! The index of a bucket: its objects and uploads.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures_core::Stream;

use super::change::{Condition, Refusal};
use super::listing::{ListQuery, Page, list};
use super::object::{Attributes, Object, hex};
use super::staging::{Piece, Staging};
use super::upload::{Done, Upload};

#[derive(Debug)]
pub(crate) struct Bucket {
    staging: Staging,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Arc<Object>>,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) done: HashMap<String, Done>,
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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
        let e_tag = hex(&piece.md5());
        self.state()
            .put(key, vec![piece], e_tag, attributes, condition)
    }

    /// Makes the objects whose keys begin so older.
    pub(crate) fn age(&self, prefix: &str, by: TimeDelta) {
        let mut state = self.state();
        let objects = state.objects.range_mut(prefix.to_owned()..);
        for (_, object) in objects.take_while(|(key, _)| key.starts_with(prefix)) {
            *object = Arc::new(object.aged(by));
        }
    }

    /// Returns the keys that begin so.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let state = self.state();
        let keys = state.objects.range(prefix.to_owned()..).map(|(key, _)| key);
        let keys = keys.take_while(|key| key.starts_with(prefix));
        keys.cloned().collect()
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
        list(&self.state().objects, query)
    }
}

impl State {
    pub(super) fn check(&self, key: &str, condition: &Condition) -> Result<(), Refusal> {
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

    pub(super) fn put(
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
