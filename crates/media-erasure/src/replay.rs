//! Erasing again what a restored backup brought back.

use std::collections::{BTreeSet, HashMap};

use futures_util::StreamExt as _;
use media_storage::{
    DeleteOptions, MediaStorage, Operation, Scope, StorageError, StorageErrorKind,
};
use media_types::UserId;
use serde::Serialize;

use crate::journal::ErasureJournal;
use crate::key::ErasureKey;
use crate::record::{ErasedScope, ErasureRecord};

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReplayReport {
    /// Number of records of the journal.
    pub records: u64,
    /// Number of records under another key, which name nothing under this one. The replay is not complete
    /// until each key of the journal was used.
    pub other_key: u64,
    /// Number of references that were looked at.
    pub references: u64,
    /// Number of references that came back and were deleted again.
    pub deleted: u64,
    /// Number of references that were kept because they are on hold.
    pub held: u64,
    /// Number of references that could not be read or deleted. The replay is not complete until it is 0.
    pub failed: u64,
    /// Number of damaged media items in the quarantine of the store, which a replay cannot look at. They may be of
    /// erased users; nobody can retrieve them, and a full sweep removes them when they are old enough. `None` if
    /// they could not be counted.
    pub quarantined: Option<u64>,
    /// Users who were erased and whose media came back. Forget their keys again, if media is encrypted and
    /// the keys were restored too.
    pub users: BTreeSet<UserId>,
}

/// The records, by a part of their scopes.
#[derive(Default)]
struct Erasures {
    by_part: HashMap<ErasedScope, Vec<ErasureRecord>>,
    /// Those that erased everything.
    of_all: Vec<ErasureRecord>,
    count: u64,
    other_key: u64,
}

impl Erasures {
    fn add(&mut self, record: ErasureRecord) {
        self.count += 1;
        match record.scope.first() {
            Some(part) => {
                let same = self.by_part.entry(part.clone()).or_default();
                // Of equal scopes, the later erasure covers the earlier one.
                same.retain(|other| other.scope != record.scope || other.at > record.at);
                if same.iter().all(|other| other.scope != record.scope) {
                    same.push(record);
                }
            }
            None => {
                self.of_all.retain(|other| other.at > record.at);
                if self.of_all.is_empty() {
                    self.of_all.push(record);
                }
            }
        }
    }
}

/// Deletes everything in a store that the journal says was erased, and that was stored before. Run it after
/// a backup was restored and before the store is used. It reads the metadata of all media, needs memory for
/// the journal, and may be repeated. Damaged media in quarantine is only [counted](ReplayReport::quarantined). Media
/// whose ids or tags are lost, with a sidecar that was rebuilt or a key that was forgotten, is in no erased scope:
/// [`delete_scope`](media_storage::Inventory::delete_scope) counts it as unattributed.
///
/// # Errors
/// `Unsupported` if the store has no inventory. Those of the journal; `Corrupted` if one of its records
/// cannot be read; those of the inventory. Failures of single references are counted.
pub async fn replay(
    store: &dyn MediaStorage,
    journal: &dyn ErasureJournal,
    key: &ErasureKey,
) -> Result<ReplayReport, StorageError> {
    let inventory = store.inventory().ok_or_else(|| {
        StorageError::new(StorageErrorKind::Unsupported, Operation::DeleteScope)
            .with_backend(store.backend().to_owned())
            .with_reason("the store has no inventory")
    })?;
    let mut erasures = Erasures::default();
    let mut records = journal.records();
    let id = key.id();
    while let Some(record) = records.next().await {
        let record = record?;
        erasures.other_key += u64::from(record.is_of_other_key(&id));
        erasures.add(record);
    }
    let mut report = ReplayReport {
        records: erasures.count,
        other_key: erasures.other_key,
        ..ReplayReport::default()
    };
    let mut entries = inventory.list(Scope::All);
    while let Some(entry) = entries.next().await {
        let Ok(entry) = entry else {
            report.failed += 1;
            continue;
        };
        report.references += 1;
        let names = ErasedScope::of(&entry.metadata, key);
        let mut candidates = names
            .iter()
            .filter_map(|name| erasures.by_part.get(name))
            .flatten()
            .chain(&erasures.of_all);
        if !candidates.any(|record| record.covers(&names, entry.stored_at)) {
            continue;
        }
        match store
            .delete_opts(&entry.reference, DeleteOptions::new())
            .await
        {
            Ok(()) => {
                report.deleted += 1;
                report.users.extend(entry.metadata.user().cloned());
            }
            Err(error) if error.kind() == StorageErrorKind::Held => report.held += 1,
            Err(_) => report.failed += 1,
        }
    }
    // What was deleted is reported even if the store fails now.
    let usage = inventory.usage(Scope::All).await;
    report.quarantined = usage.ok().map(|usage| usage.quarantined);
    Ok(report)
}
