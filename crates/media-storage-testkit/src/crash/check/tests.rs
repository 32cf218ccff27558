use media_storage::{InMemoryStorage, StorageError};

use super::*;

struct Memory(InMemoryStorage);

impl CrashSubject for Memory {
    type Store = InMemoryStorage;
    async fn open(&self, _: &Path) -> Result<InMemoryStorage, StorageError> {
        Ok(self.0.clone())
    }
}

/// A scenario of one store and one delete, and what is found after its events.
async fn found(
    change: impl AsyncFnOnce(&InMemoryStorage, &StorageReference),
    events: impl FnOnce(StorageReference) -> Vec<Event>,
) -> Vec<String> {
    let step = StoreStep::new(1, 100);
    let scenario = Scenario::new("one", vec![Step::Store(step)], vec![Step::Delete(0)]);
    let store = InMemoryStorage::new();
    let reference = store.store(upload(&step)).await.unwrap();
    change(&store, &reference).await;
    let events = events(reference);
    check(&Memory(store), Path::new("."), &scenario, &events).await
}

fn stored(reference: StorageReference) -> Vec<Event> {
    vec![Event::Begun(0), Event::Stored(0, Box::new(reference))]
}

async fn delete(store: &InMemoryStorage, reference: &StorageReference) {
    store.delete(reference).await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_must_be_there() {
    assert!(found(async |_, _| (), stored).await.is_empty());
    let lost = found(delete, stored).await;
    assert!(
        lost.iter().any(|found| found.ends_with("is lost")),
        "{lost:?}"
    );
}

#[tokio::test]
async fn what_was_deleted_must_be_gone() {
    let deleted = |reference| [stored(reference), vec![Event::Begun(1), Event::Done(1)]].concat();
    assert!(found(delete, deleted).await.is_empty());
    let back = found(async |_, _| (), deleted).await;
    assert!(
        back.iter().any(|found| found.ends_with("came back")),
        "{back:?}"
    );
}

#[tokio::test]
async fn a_call_under_way_may_have_happened_or_not() {
    let deleting = |reference| [stored(reference), vec![Event::Begun(1)]].concat();
    assert!(found(async |_, _| (), deleting).await.is_empty());
    assert!(found(delete, deleting).await.is_empty());
    let storing = |_| vec![Event::Begun(0)];
    assert!(found(async |_, _| (), storing).await.is_empty());
    assert!(found(delete, storing).await.is_empty());
}

#[tokio::test]
async fn nothing_is_there_that_nobody_stored() {
    let nothing = |_| vec![];
    let stranger = found(async |_, _| (), nothing).await;
    assert!(
        stranger.iter().any(|found| found.ends_with("is listed")),
        "{stranger:?}"
    );
    let twice = async |store: &InMemoryStorage, _: &StorageReference| {
        store.store(upload(&StoreStep::new(1, 100))).await.unwrap();
    };
    let two = found(twice, |_| vec![Event::Begun(0)]).await;
    assert!(
        two.iter()
            .any(|found| found.contains("one store created 2")),
        "{two:?}"
    );
}

#[tokio::test]
async fn a_step_that_fails_is_told() {
    let failed = found(
        async |_, _| (),
        |reference| {
            let mut events = stored(reference);
            events.push(Event::Failed(1, "no".to_owned()));
            events
        },
    );
    assert_eq!(failed.await, ["step 1 failed: no"]);
}
