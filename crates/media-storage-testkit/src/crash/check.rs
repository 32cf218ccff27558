//! What must hold after a crash.

use std::io;
use std::path::Path;

use futures_util::StreamExt as _;
use media_storage::{
    Inventory, MediaStorage, MediaStorageExt as _, RetrieveOptions, Scope, StorageErrorKind,
    SweepReport,
};
use media_types::StorageReference;

use super::script::{Event, Scenario, Step, StoreStep, conversation};
use super::subject::{CrashSubject, upload};
use crate::fixture::full_sweep;

/// The state that an acknowledged reference may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Gone,
    /// An operation that removes it was running, or could have chosen it.
    Either,
    /// It cannot be retrieved, but is listed until it is swept.
    Expired,
}

struct Known<'a> {
    step: &'a StoreStep,
    reference: &'a StorageReference,
    fate: Fate,
}

/// What must hold according to the journal.
struct Expected<'a> {
    known: Vec<Known<'a>>,
    /// A store that was running. It may have created one reference.
    under_way: Option<&'a StoreStep>,
    /// Number of bytes that a finished sweep left at most.
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

/// Returns every violation of a promise.
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
        Err(error) => check.say(format!("the store cannot be opened: {error:?}")),
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
            Err(error) => self.say(format!("{when}: the disk cannot be read: {error}")),
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
            self.say(format!("the store cannot be closed: {error:?}"));
        }
        let leftovers = self.subject.leftovers(self.directory);
        self.disk("after use", leftovers);
        let damage = self.subject.damage(self.directory);
        self.disk("after use", damage);
    }

    /// Checks that a full sweep leaves nothing behind, and that a second one has nothing to do.
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

    /// Checks that every acknowledged reference is complete or deleted, as it must be.
    async fn references(&mut self, store: &S::Store, when: &str) {
        let mut found = Vec::new();
        for known in &self.expected.known {
            let outcome = whole(store, known.reference, known.step).await;
            let verdict = match (known.fate, outcome) {
                (Fate::Kept | Fate::Either, Ok(true)) => continue,
                (Fate::Gone | Fate::Either | Fate::Expired, Ok(false)) => continue,
                (_, Ok(true)) => "came back".to_owned(),
                (_, Ok(false)) => "is lost".to_owned(),
                (_, Err(error)) => error,
            };
            found.push(format!("{when}: {} {verdict}", known.reference.id()));
        }
        self.found.extend(found);
    }

    /// Checks that everything listed was acknowledged or being stored, and is complete, that everything
    /// that must be listed is, and that the usage is right.
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
            self.say(format!("{when}: one store created {strangers} references"));
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
            Err(error) => {
                return self.say(format!("{when}: the usage is not available: {error:?}"));
            }
        };
        if usage.references != listed {
            self.say(format!(
                "{when}: {listed} references are listed, but the usage is {usage:?}"
            ));
        }
        match self.subject.usage(self.directory) {
            Ok(Some(truth)) if truth != usage => {
                self.say(format!(
                    "{when}: the usage is {usage:?}, but the disk has {truth:?}"
                ));
            }
            Ok(_) => {}
            Err(error) => self.say(format!("{when}: the disk cannot be read: {error}")),
        }
        if self
            .expected
            .capacity
            .is_some_and(|capacity| usage.stored_bytes > capacity)
        {
            self.say(format!("{when}: pruned media came back: {usage:?}"));
        }
    }

    /// Stores, reads and deletes once more: bytes that are stored already, and bytes that are not.
    async fn works(&mut self, store: &S::Store) {
        let there = self.expected.known.first().map(|known| *known.step);
        let steps = [Some(StoreStep::new(99, 2000)), there];
        for mut step in steps.into_iter().flatten() {
            step.retention = None;
            let reference = match store.store(upload(&step)).await {
                Ok(reference) => reference,
                Err(error) => {
                    self.say(format!("nothing can be stored after the crash: {error:?}"));
                    continue;
                }
            };
            match whole(store, &reference, &step).await {
                Ok(true) => {}
                other => self.say(format!("media stored after the crash: {other:?}")),
            }
            if let Err(error) = store.delete(&reference).await {
                self.say(format!("nothing can be deleted after the crash: {error:?}"));
            }
            match whole(store, &reference, &step).await {
                Ok(false) => {}
                other => self.say(format!("media deleted after the crash: {other:?}")),
            }
        }
        self.references(store, "after use").await;
    }
}

/// Returns whether a reference opens exactly what was stored, or is not found. Anything else is an
/// error.
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
            // If it is found without a scope, its metadata is lost.
            return match store.retrieve(reference).await {
                Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
                Ok(_) => Err("has lost its metadata".to_owned()),
                Err(error) => Err(format!("fails: {error:?}")),
            };
        }
        Err(error) => return Err(format!("fails: {error:?}")),
    };
    if stored.mime != step.mime()
        || stored.metadata.conversation() != step.metadata().conversation()
    {
        return Err("has another type or conversation".to_owned());
    }
    match stored.body.bytes(step.len as u64).await {
        Ok(bytes) if bytes == step.bytes() => Ok(true),
        Ok(_) => Err("has other bytes".to_owned()),
        Err(error) => Err(format!("cannot be read: {error:?}")),
    }
}

#[cfg(test)]
mod tests;
