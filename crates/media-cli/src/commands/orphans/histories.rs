//! Comparing a store with all histories that name its media.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use media_image::parent_of;
use media_storage::{DeleteOptions, Entry, Scope, StorageErrorKind};

use crate::commands::orphans::files::Names;
use crate::commands::orphans::found::Found;
use crate::commands::orphans::marks::Marks;
use crate::failure::{Failure, Outcome};
use crate::journal::Journal;
use crate::output::Output;
use crate::store::OpenStore;

/// How many items are always deleted, whatever their share is, as with a database.
const GUARD_FLOOR: u64 = 16;

/// Where more than one item in this number is due, nothing is deleted unless it is forced.
const GUARD: u64 = 10;

/// How many items one run deletes.
const MAX_DELETIONS: usize = 10_000;

/// By which rules orphans are deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) grace: Duration,
    pub(super) force: bool,
    pub(super) delete: bool,
}

/// A store, and the histories that name its media.
#[derive(Debug)]
pub(super) struct Histories<'a> {
    store: &'a OpenStore,
    directories: &'a [PathBuf],
    scope: Scope,
    marks: Marks,
}

impl<'a> Histories<'a> {
    /// Opens the marks of earlier runs.
    pub(super) fn new(
        store: &'a OpenStore,
        directories: &'a [PathBuf],
        scope: Scope,
        marks: &Option<PathBuf>,
    ) -> Outcome<Self> {
        let mut places = Vec::with_capacity(directories.len());
        for directory in directories {
            let place = std::path::absolute(directory);
            places.push(place.unwrap_or_else(|_| directory.clone()));
        }
        places.sort();
        let task = format!("orphans\n{}\n{scope:?}\n{places:?}", store.location());
        let path = marks
            .clone()
            .or_else(|| Journal::default_path(&task))
            .ok_or_else(|| {
                Failure::usage("where are marks kept? neither --marks nor HOME is set")
            })?;
        Ok(Self {
            store,
            directories,
            scope,
            marks: Marks::open(&path)?,
        })
    }

    /// Compares, and deletes what the rules say.
    pub(super) async fn reconcile(mut self, rules: Rules, output: &Output) -> Outcome<Found> {
        let progress = output.progress("reading histories");
        let names = Names::of(self.directories).await?;
        drop(progress);
        let progress = output.progress("comparing");
        let (mut found, mut due) = (Found::default(), Vec::new());
        let mut seen: HashMap<String, DateTime<Utc>> = HashMap::new();
        let now = Utc::now();
        let grace = TimeDelta::from_std(rules.grace).unwrap_or(TimeDelta::MAX);
        let mut entries = self.store.list(self.scope.clone())?;
        while let Some(entry) = entries.next().await {
            progress.add(1);
            let Ok(entry) = entry else {
                found.failed += 1;
                continue;
            };
            if is_of_others(&entry) {
                found.foreign += 1;
                continue;
            }
            found.examined += 1;
            if names.contains(&entry.reference) {
                continue;
            }
            found.unnamed += 1;
            let id = entry.reference.id().to_owned();
            let since = self.marks.since(&id).unwrap_or(now);
            seen.insert(id, since);
            if now - since < grace || now - entry.stored_at < grace {
                found.waiting += 1;
                continue;
            }
            found.due += 1;
            if due.len() < MAX_DELETIONS {
                due.push(entry);
            }
        }
        drop(entries);
        self.marks.save(seen)?;
        found.guarded =
            found.due > GUARD_FLOOR && found.due * GUARD > found.examined && !rules.force;
        if rules.delete && !found.guarded && !due.is_empty() {
            // A history may have come to name it since.
            let names = Names::of(self.directories).await?;
            for entry in due {
                self.delete(&entry, &names, &mut found).await;
            }
        }
        Ok(found)
    }

    async fn delete(&self, entry: &Entry, names: &Names, found: &mut Found) {
        if names.contains(&entry.reference) {
            found.due -= 1;
            found.protected += 1;
            return;
        }
        let options = DeleteOptions::new().with_expected_scope(self.scope.clone());
        let deleted = self
            .store
            .storage()
            .delete_opts(&entry.reference, options)
            .await;
        match deleted {
            Ok(()) => {
                found.deleted += 1;
                found.deleted_bytes += entry.reference.size().unwrap_or_default();
            }
            Err(error) if error.kind() == StorageErrorKind::NotFound => {}
            Err(error) if error.kind() == StorageErrorKind::Held => {
                found.due -= 1;
                found.protected += 1;
            }
            Err(_) => found.failed += 1,
        }
    }
}

/// Whether something else than a history names it: a conversation database, or the original of a
/// rendition.
fn is_of_others(entry: &Entry) -> bool {
    entry.metadata.state_store().is_some() || parent_of(&entry.metadata).is_some()
}
