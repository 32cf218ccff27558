//! Writing until the outcome is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use conversation_state::conformance::{Fault, FaultyState, Operation};
use conversation_state::document::{DocumentPlace, DocumentStateStore, LockedPlace};
use conversation_state::*;

use crate::services::{create, history, turn};

async fn written(faults: &[Fault]) -> (WriteOutcome, Vec<String>) {
    let store = FaultyState::new(InMemoryStateStore::new());
    let record = create(&store, "a").await;
    for fault in faults {
        store.inject(Operation::Apply, *fault);
    }
    let state: Arc<dyn StateStore> = Arc::new(store.clone());
    let writer = StateWriter::new(&state, Duration::from_secs(30));
    let outcome = writer.write(turn(&record, "t", "text")).await;
    (outcome, history(&store, "a").await)
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_count_as_not_written() {
    let (outcome, history) = written(&[Fault::LostAnswer, Fault::Refused]).await;
    assert_eq!(history, ["text"]);
    let WriteOutcome::Indeterminate(error) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.kind(), StateErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_refusal_of_the_first_attempt_is_final() {
    let (outcome, history) = written(&[Fault::Refused]).await;
    assert!(
        matches!(outcome, WriteOutcome::NotCommitted(_)),
        "{outcome:?}"
    );
    assert!(history.is_empty());
}

#[tokio::test]
async fn a_writer_without_an_end_of_its_patience_writes() {
    let store = InMemoryStateStore::new();
    let record = create(&store, "a").await;
    let state: Arc<dyn StateStore> = Arc::new(store);
    let writer = StateWriter::new(&state, Duration::MAX);
    let outcome = writer.write(turn(&record, "t", "text")).await;
    assert!(matches!(outcome, WriteOutcome::Committed(_)), "{outcome:?}");
}

/// A store whose writes panic.
#[derive(Debug, Default)]
struct Panicking {
    inner: InMemoryStateStore,
    writes: Arc<AtomicUsize>,
}

#[async_trait]
impl StateStore for Panicking {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, create, load, find_message, list, tombstone, purge,
        fence_user, user_fence, lift_fence, acquire_lease, release_lease, references,
        referenced_by, observe_unnamed, forget_unnamed,
    );

    async fn apply(&self, _: StateWrite) -> Result<Applied, StateError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        panic!("a bug of the store")
    }
}

#[tokio::test]
async fn a_store_that_panics_is_named_and_asked_once_more() {
    let store = Panicking::default();
    let writes = Arc::clone(&store.writes);
    let record = create(&store, "a").await;
    let state: Arc<dyn StateStore> = Arc::new(store);
    let writer = StateWriter::new(&state, Duration::from_secs(30));
    let outcome = writer.write(turn(&record, "t", "text")).await;
    let WriteOutcome::Indeterminate(error) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.kind(), StateErrorKind::Panicked);
    assert_eq!(writes.load(Ordering::Relaxed), 2);
}

#[derive(Debug)]
struct PanickingPlace;

impl DocumentPlace for PanickingPlace {
    fn lock(&self) -> Result<Box<dyn LockedPlace + '_>, StateError> {
        panic!("a bug of the place")
    }

    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn backend(&self) -> &'static str {
        "panicking"
    }
}

#[tokio::test]
async fn a_place_for_documents_that_panics_is_not_worth_another_attempt() {
    let error = DocumentStateStore::new(PanickingPlace).info().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Panicked);
    assert!(!error.is_retryable(), "{error}");
}
