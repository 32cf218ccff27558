//! What must hold after a crash.

use std::io;
use std::path::Path;

use futures_util::StreamExt as _;
use media_storage::{
    Inventory, MediaStorage, MediaStorageExt as _, RetrieveOptions, Scope, StorageErrorKind,
    SweepReport,
};
use media_types::StorageReference;

use super::child::{CrashSubject, upload};
use super::script::{Event, Scenario, Step, StoreStep, conversation};
use crate::fixture::full_sweep;

/// What may have become of a reference that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Gone,
    /// A call that would remove it was under way, or was free to choose it.
    Either,
    /// Not to be retrieved, but listed until it is swept.
    Expired,
}

struct Known<'a> {
    step: &'a StoreStep,
    reference: &'a StorageReference,
    fate: Fate,
}

/// What the journal says.
struct Expected<'a> {
    known: Vec<Known<'a>>,
    /// A store that was under way: it may have made one reference.
    under_way: Option<&'a StoreStep>,
    /// What a finished sweep left at most.
    capacity: Option<u64>,
}

fn expect<'a>(scenario: &'a Scenario, events: &'a [Event]) -> Expected<'a> {
    let steps: Vec<&Step> = scenario.steps().collect();
    let mut expected = Expected {
        known: Vec::new(),
        under_way: None,
        capacity: None,
    };
    for (number, step) in steps.iter().enumerate() {
        let begun = events.contains(&Event::Begun(number));
        let done = events.contains(&Event::Done(number));
        let fate = if done { Fate::Gone } else { Fate::Either };
        match step {
            Step::Store(store) => {
                let stored = events.iter().find_map(|event| match event {
                    Event::Stored(at, reference) if *at == number => Some(&**reference),
                    _ => None,
                });
                match stored {
                    Some(reference) => expected.known.push(Known {
                        step: store,
                        reference,
                        fate: if store.expires_at_once() {
                            Fate::Expired
                        } else {
                            Fate::Kept
                        },
                    }),
                    None if begun => expected.under_way = Some(store),
                    None => {}
                }
            }
            Step::BeginDelete(which) if begun => expected.known[*which].fate = Fate::Either,
            Step::Delete(which) if begun => expected.known[*which].fate = fate,
            Step::DeleteConversation(conversation) if begun => {
                for known in &mut expected.known {
                    if known.step.conversation == *conversation {
                        known.fate = fate;
                    }
                }
            }
            Step::Prune(capacity) if begun => {
                expected.capacity = done.then_some(*capacity);
                for known in &mut expected.known {
                    if known.fate == Fate::Kept {
                        known.fate = Fate::Either;
                    }
                }
            }
            _ => {}
        }
    }
    expected
}

/// Everything that is not as it must be; empty when all is well.
pub(super) async fn check<S: CrashSubject>(
    subject: &S,
    directory: &Path,
    scenario: &Scenario,
    events: &[Event],
) -> Vec<String> {
    let mut check = Check {
        subject,
        directory,
        expected: expect(scenario, events),
        found: Vec::new(),
    };
    for event in events {
        if let Event::Failed(number, error) = event {
            check.say(format!("step {number} failed: {error}"));
        }
    }
    check.disk("after the crash", subject.damage(directory));
    match subject.open(directory).await {
        Ok(store) => check.all(store).await,
        Err(error) => check.say(format!("the store does not open: {error:?}")),
    }
    check.found
}

struct Check<'a, S> {
    subject: &'a S,
    directory: &'a Path,
    expected: Expected<'a>,
    found: Vec<String>,
}

impl<S: CrashSubject> Check<'_, S> {
    fn say(&mut self, what: String) {
        self.found.push(what);
    }

    fn disk(&mut self, when: &str, seen: io::Result<Vec<String>>) {
        match seen {
            Ok(seen) => self
                .found
                .extend(seen.into_iter().map(|what| format!("{when}: {what}"))),
            Err(error) => self.say(format!("{when}: the disk does not read: {error}")),
        }
    }

    async fn all(&mut self, store: S::Store) {
        self.references(&store, "after the crash").await;
        if let Some(inventory) = store.inventory() {
            self.listing(&store, inventory, "after the crash").await;
            self.sweeps(&store, inventory).await;
        }
        self.works(&store).await;
        if let Err(error) = self.subject.close(store).await {
            self.say(format!("the store does not close: {error:?}"));
        }
        let leftovers = self.subject.leftovers(self.directory);
        self.disk("after use", leftovers);
        let damage = self.subject.damage(self.directory);
        self.disk("after use", damage);
    }

    /// One full sweep leaves nothing that should not be there, and a second finds nothing to do.
    async fn sweeps(&mut self, store: &S::Store, inventory: &dyn Inventory) {
        match inventory.sweep(full_sweep()).await {
            Ok(report) if report.failed > 0 => self.say(format!("the sweep failed: {report:?}")),
            Ok(_) => {}
            Err(error) => self.say(format!("the sweep fails: {error:?}")),
        }
        for known in &mut self.expected.known {
            if known.fate == Fate::Expired {
                known.fate = Fate::Gone;
            }
        }
        if self
            .expected
            .under_way
            .is_some_and(StoreStep::expires_at_once)
        {
            self.expected.under_way = None;
        }
        self.references(store, "after a sweep").await;
        self.listing(store, inventory, "after a sweep").await;
        let leftovers = self.subject.leftovers(self.directory);
        self.disk("after a sweep", leftovers);
        let damage = self.subject.damage(self.directory);
        self.disk("after a sweep", damage);
        match inventory.sweep(full_sweep()).await {
            Ok(report) if report == SweepReport::default() => {}
            other => self.say(format!("the second sweep: {other:?}")),
        }
    }

    /// Every acknowledged reference is whole or gone, as it should be.
    async fn references(&mut self, store: &S::Store, when: &str) {
        let mut found = Vec::new();
        for known in &self.expected.known {
            let outcome = whole(store, known.reference, known.step).await;
            let verdict = match (known.fate, outcome) {
                (Fate::Kept | Fate::Either, Ok(true)) => continue,
                (Fate::Gone | Fate::Either | Fate::Expired, Ok(false)) => continue,
                (_, Ok(true)) => "is there again".to_owned(),
                (_, Ok(false)) => "is lost".to_owned(),
                (_, Err(error)) => error,
            };
            found.push(format!("{when}: {} {verdict}", known.reference.id()));
        }
        self.found.extend(found);
    }

    /// What is listed was acknowledged or under way, and is whole; what must be listed is; usage
    /// is the truth.
    async fn listing(&mut self, store: &S::Store, inventory: &dyn Inventory, when: &str) {
        let listed: Vec<_> = inventory.list(Scope::All).collect().await;
        let mut ids = Vec::new();
        let mut strangers = 0;
        for entry in listed {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.say(format!("{when}: the list says {error:?}"));
                    continue;
                }
            };
            let id = entry.reference.id().to_owned();
            let known = self
                .expected
                .known
                .iter()
                .find(|known| known.reference.id() == id);
            let step = match (known, self.expected.under_way) {
                (Some(known), _) if known.fate != Fate::Gone => Some(known.step),
                (None, Some(step)) => {
                    strangers += 1;
                    Some(step)
                }
                _ => None,
            };
            match step {
                None => self.say(format!("{when}: {id} is listed")),
                Some(step) if step.expires_at_once() => {}
                Some(step) => match whole(store, &entry.reference, step).await {
                    Ok(true) => {}
                    Ok(false) => self.say(format!("{when}: {id} is listed and not found")),
                    Err(error) => self.say(format!("{when}: {id} {error}")),
                },
            }
            ids.push(id);
        }
        if strangers > 1 {
            self.say(format!("{when}: one store made {strangers} references"));
        }
        let missing: Vec<_> = self
            .expected
            .known
            .iter()
            .filter(|known| known.fate == Fate::Kept)
            .filter(|known| !ids.iter().any(|id| id == known.reference.id()))
            .map(|known| format!("{when}: {} is not listed", known.reference.id()))
            .collect();
        self.found.extend(missing);
        self.usage(inventory, ids.len() as u64, when).await;
    }

    async fn usage(&mut self, inventory: &dyn Inventory, listed: u64, when: &str) {
        let usage = match inventory.usage(Scope::All).await {
            Ok(usage) => usage,
            Err(error) => return self.say(format!("{when}: no usage: {error:?}")),
        };
        if usage.references != listed {
            self.say(format!("{when}: {listed} are listed, {usage:?}"));
        }
        match self.subject.usage(self.directory) {
            Ok(Some(truth)) if truth != usage => {
                self.say(format!("{when}: {usage:?}, and there is {truth:?}"));
            }
            Ok(_) => {}
            Err(error) => self.say(format!("{when}: the disk does not read: {error}")),
        }
        if self
            .expected
            .capacity
            .is_some_and(|capacity| usage.stored_bytes > capacity)
        {
            self.say(format!("{when}: what was pruned is there again: {usage:?}"));
        }
    }

    /// Stores, reads and deletes once more, bytes that are there and bytes that are not.
    async fn works(&mut self, store: &S::Store) {
        let there = self.expected.known.first().map(|known| *known.step);
        let steps = [Some(StoreStep::new(99, 2000)), there];
        for mut step in steps.into_iter().flatten() {
            step.retention = None;
            let reference = match store.store(upload(&step)).await {
                Ok(reference) => reference,
                Err(error) => {
                    self.say(format!("the store takes nothing any more: {error:?}"));
                    continue;
                }
            };
            match whole(store, &reference, &step).await {
                Ok(true) => {}
                other => self.say(format!("what was stored after the crash: {other:?}")),
            }
            if let Err(error) = store.delete(&reference).await {
                self.say(format!("the store deletes nothing any more: {error:?}"));
            }
            match whole(store, &reference, &step).await {
                Ok(false) => {}
                other => self.say(format!("what was deleted after the crash: {other:?}")),
            }
        }
        self.references(store, "after use").await;
    }
}

/// Whether a reference gives exactly what was stored, or is not found; anything else is an error.
async fn whole(
    store: &impl MediaStorage,
    reference: &StorageReference,
    step: &StoreStep,
) -> Result<bool, String> {
    let id = conversation(step.conversation).parse().expect("an id");
    let options = RetrieveOptions::new().with_expected_scope(Scope::Conversation(id));
    let stored = match store.retrieve_opts(reference, options).await {
        Ok(stored) => stored,
        Err(error) if error.kind() == StorageErrorKind::NotFound => {
            // Found without its scope, it would be there and not known to be.
            return match store.retrieve(reference).await {
                Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
                Ok(_) => Err("has lost what was said about it".to_owned()),
                Err(error) => Err(format!("fails: {error:?}")),
            };
        }
        Err(error) => return Err(format!("fails: {error:?}")),
    };
    if stored.mime != step.mime()
        || stored.metadata.conversation() != step.metadata().conversation()
    {
        return Err("is of another type or conversation".to_owned());
    }
    match stored.body.bytes(step.len as u64).await {
        Ok(bytes) if bytes == step.bytes() => Ok(true),
        Ok(_) => Err("has other bytes".to_owned()),
        Err(error) => Err(format!("does not read: {error:?}")),
    }
}

#[cfg(test)]
mod tests {
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
        let deleted =
            |reference| [stored(reference), vec![Event::Begun(1), Event::Done(1)]].concat();
        assert!(found(delete, deleted).await.is_empty());
        let back = found(async |_, _| (), deleted).await;
        assert!(
            back.iter().any(|found| found.ends_with("is there again")),
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
            two.iter().any(|found| found.contains("one store made 2")),
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
}
