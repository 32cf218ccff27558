//! Writing until the outcome is known.

use std::sync::Arc;
use std::time::Duration;

use conversation_state::conformance::{Fault, FaultyState, Operation};
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
