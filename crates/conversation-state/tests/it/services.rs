//! What tests of real servers share.

use std::io::Write as _;
use std::sync::Arc;

use crate::servers::{NO_SERVICES, without_services};
use conversation_state::conformance::{Harness, SCENARIOS};
use conversation_state::*;
use conversation_types::{Message, TurnId};
use media_types::ConversationId;
use tokio::sync::Semaphore;

/// How many scenarios run at once.
const AT_ONCE: usize = 6;

/// Says loudly that a test does not run, if no servers are wanted.
pub(crate) fn is_wanted(test: &str) -> bool {
    let without = without_services();
    if without {
        let line = format!("NOT RUN: {test}: {} is set\n", NO_SERVICES);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    !without
}

/// Runs all scenarios, each on a store of its own, and names those that fail.
pub(crate) async fn run_suite<H, F>(name: &str, harness: impl Fn() -> F)
where
    H: Harness + 'static,
    F: Future<Output = H> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for scenario in SCENARIOS {
        let (permits, harness) = (Arc::clone(&permits), harness());
        running.push(tokio::spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            let harness = harness.await;
            (scenario.run)(&harness).await;
        }));
    }
    let mut failed = Vec::new();
    for (scenario, run) in SCENARIOS.iter().zip(running) {
        if run.await.is_err() {
            failed.push(scenario.name);
        }
    }
    let (all, passed) = (SCENARIOS.len(), SCENARIOS.len() - failed.len());
    println!("{name}: {passed} of {all} scenarios");
    assert!(
        failed.is_empty(),
        "{name}: {passed} of {all}; failed: {failed:?}"
    );
}

/// Creates a conversation.
pub(crate) async fn create(store: &dyn StateStore, id: &str) -> ConversationRecord {
    let id: ConversationId = id.parse().unwrap();
    let created = store
        .create(NewConversation::new(ConversationRecord::new(id)))
        .await;
    created.unwrap().into_record()
}

/// A write that adds a whole turn of one message.
pub(crate) fn turn(record: &ConversationRecord, id: &str, text: &str) -> StateWrite {
    let turn = TurnRecord::new(TurnId::new(id).unwrap()).with_status(TurnStatus::Complete);
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    StateWrite::new(record, fence)
        .with_append([Message::user(text).with_turn(turn.id.clone())])
        .with_turn(turn)
}

/// The texts of a conversation.
pub(crate) async fn history(store: &dyn StateStore, id: &str) -> Vec<String> {
    let loaded = store.load(&id.parse().unwrap(), Window::All.into()).await;
    let messages = loaded.unwrap().unwrap().messages;
    messages
        .iter()
        .map(|stored| stored.message.text())
        .collect()
}

/// Checks the kind of an error, that its text is one sentence, and that nothing of it is secret.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    outcome: Result<T, StateError>,
    kind: StateErrorKind,
    says: &str,
    secrets: &[&str],
) {
    let error = match outcome {
        Ok(value) => panic!("{kind:?} was expected, not {value:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{error:?}");
    let text = error.to_string();
    assert!(text.contains(says), "{text}");
    assert!(!text.contains('\n'), "{text}");
    let all = format!("{text} {error:?} {error:#?}");
    for secret in secrets {
        assert!(!all.contains(secret), "{all}");
    }
}

/// Checks lists while the record of `a` cannot be read, and then removes it. There are `a` and `b`, and
/// `damage` damages `a`.
pub(crate) async fn list_around_a_damaged_record<F: Future<Output = ()>>(
    store: &dyn StateStore,
    damage: F,
) {
    let user: media_types::UserId = "user".parse().unwrap();
    for id in ["a", "b"] {
        let record = ConversationRecord::new(id.parse().unwrap()).with_user(Some(user.clone()));
        store.create(NewConversation::new(record)).await.unwrap();
    }
    damage.await;
    let of_user = || ConversationFilter::new().with_user(user.clone());
    for filter in [
        of_user(),
        of_user().with_order(ListOrder::Changed),
        ConversationFilter::new(),
    ] {
        // One at a time: the cursor leads past it.
        let mut filter = filter.with_limit(1);
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        loop {
            let page = store.list(&filter).await.unwrap();
            read.extend(page.records.into_iter().map(|record| record.id.to_string()));
            unreadable.extend(page.unreadable.iter().map(ToString::to_string));
            match page.next {
                Some(next) => filter = filter.with_cursor(Some(next)),
                None => break,
            }
        }
        assert_eq!((read, unreadable), (vec!["b".into()], vec!["a".into()]));
    }
}

/// Checks that a conversation with a status of a later version is listed, left alone, and deleted.
pub(crate) async fn a_later_status_is_kept<F: Future<Output = ()>>(
    store: &dyn StateStore,
    set_status: F,
) {
    let record = create(store, "a").await;
    set_status.await;
    let page = store.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!(page.records[0].status, ConversationStatus::Unknown);
    let refused = store.apply(turn(&record, "t", "text")).await;
    assert_refused(refused, StateErrorKind::TooNew, "its status", &["text"]);
    let keep = std::time::Duration::from_secs(60);
    let deleting = store.tombstone(&record.id, keep).await.unwrap().unwrap();
    assert_eq!(deleting.status, ConversationStatus::Deleting);
    store.purge(&record.id).await.unwrap();
    let all = store.list(&ConversationFilter::new()).await.unwrap();
    assert!(all.records.is_empty() && all.unreadable.is_empty());
}
