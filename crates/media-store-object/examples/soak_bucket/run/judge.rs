//! What is there when all processes are gone, and no request is broken any more.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use media_storage::{
    Inventory as _, MediaStorageExt as _, Scope, StorageError, SweepDepth, SweepOptions,
};
use media_store_object::ObjectMediaStore;
use object_store::aws::AmazonS3;

use crate::run::beneath::Beneath;
use crate::run::client::{Retries, Verdict, beneath, open, verify};
use crate::run::fleet::PROCESSES;
use crate::run::journal::{Account, Finding, account, note};
use crate::run::services::Access;
use crate::run::worker::scope;
use crate::run::{Protocol, Result};

/// What was found, beside what is noted as wrong.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// References that were acknowledged and are there.
    pub(crate) live: usize,
    /// References that are there though nobody was told so: of stores that were killed or whose
    /// outcome was never known, and of writes that came late.
    pub(crate) strangers: usize,
    /// Markers that lie under no bytes in use, sidecars without a marker, and the like, before the
    /// first sweep.
    pub(crate) strays: usize,
    /// Bytes that nothing names, before the first sweep.
    pub(crate) unnamed: usize,
    /// Objects that are left when everything is deleted and swept.
    pub(crate) left: usize,
    /// Objects of openings that were cut short, which stay.
    pub(crate) probes: u64,
    /// Records of bytes that are gone, which stay.
    pub(crate) records: u64,
    /// Tombstones, which stay for seven days.
    pub(crate) tombstones: u64,
}

struct Judge<'a> {
    journal: &'a Path,
    store: ObjectMediaStore,
    bucket: AmazonS3,
    accounts: Vec<Account>,
}

pub(crate) async fn judge(access: &Access, journal: &Path) -> Result<Verified> {
    let accounts = (0..PROCESSES).map(|number| account(journal, number));
    let judge = Judge {
        journal,
        store: open(access, Retries::Few, Protocol::Second).await?,
        bucket: beneath(access)?,
        accounts: accounts.collect::<Result<_>>()?,
    };
    let mut verified = Verified::default();
    let before = judge.look().await?;
    verified.unnamed = before.blobs.difference(&before.promised).count();
    let promised = |marker: &&String| {
        let generation = marker.rsplit_once('/').map_or("", |(front, _)| front);
        before.promised.contains(generation)
    };
    let held = before.markers.iter().filter(promised).count();
    verified.strays = before.markers.len() - held + before.outer.len().abs_diff(held);
    verified.live = judge.live("before the sweep").await?;
    // What is left of processes that are gone is put right by the first; the second has nothing to do.
    judge.sweep().await?;
    judge.sweep().await?;
    judge.live("after the sweep").await?;
    judge.look().await?;
    verified.strangers = judge.list().await?;
    judge.usage().await?;
    let report = judge.store.delete_scope(Scope::All).await?;
    judge.unless(report.failed == 0, || format!("delete-scope: {report:?}"))?;
    judge.sweep().await?;
    judge.sweep().await?;
    let after = judge.look().await?;
    for text in after.blobs.iter().chain(&after.promised) {
        judge.dangling(&format!("left at the end: {text}"))?;
    }
    let left = [&after.markers, &after.outer, &after.others];
    for name in left.into_iter().flatten().take(10) {
        println!("garbage: {name}");
    }
    verified.left = left.into_iter().map(BTreeSet::len).sum();
    verified.probes = after.probes;
    verified.records = after.dead;
    verified.tombstones = after.tombstones;
    Ok(verified)
}

impl Judge<'_> {
    fn dangling(&self, text: &str) -> Result<()> {
        note(self.journal, Finding::Dangling, text)
    }

    fn unless(&self, good: bool, text: impl FnOnce() -> String) -> Result<()> {
        if good {
            return Ok(());
        }
        note(self.journal, Finding::Failed, &text())
    }

    /// Reads every reference that was acknowledged and that nobody began to delete.
    async fn live(&self, when: &str) -> Result<usize> {
        let mut live = 0;
        for (number, account) in self.accounts.iter().enumerate() {
            for (slot, held) in &account.held {
                if held.deleting {
                    continue;
                }
                live += 1;
                let scope = scope(number, *slot)?;
                match verify(&self.store, held, scope).await {
                    Verdict::Good => {}
                    Verdict::Unknown => return Err("the server cannot be reached".into()),
                    Verdict::Bad(text) => {
                        note(self.journal, Finding::Lost, &format!("{when}: {text}"))?;
                    }
                }
            }
        }
        Ok(live)
    }

    async fn sweep(&self) -> Result<()> {
        let full = SweepOptions::new()
            .with_depth(SweepDepth::Full)
            .with_now(chrono::Utc::now() + chrono::TimeDelta::minutes(2))
            .with_grace(Duration::ZERO);
        let report = self.store.sweep(full).await?;
        self.unless(report.failed == 0, || format!("sweep: {report:?}"))
    }

    /// Looks beneath. A record that promises bytes which are not there would lose the next store.
    async fn look(&self) -> Result<Beneath> {
        let beneath = Beneath::look(&self.bucket).await?;
        for text in beneath.promised.difference(&beneath.blobs) {
            let text = format!("promised and not there: {text}");
            note(self.journal, Finding::Lost, &text)?;
        }
        Ok(beneath)
    }

    /// Lists everything and reads it; how much of it nobody was told of.
    async fn list(&self) -> Result<usize> {
        let mut ids = BTreeSet::new();
        let mut listed = self.store.list(Scope::All);
        while let Some(entry) = listed.next().await {
            let read = async {
                let entry = entry?;
                ids.insert(entry.reference.id().to_owned());
                let media = self.store.retrieve(&entry.reference).await?;
                media.body.bytes(8 << 20).await.map(drop)
            };
            let read: std::result::Result<(), StorageError> = read.await;
            if let Err(error) = read {
                self.dangling(&format!("listed: {error:?}"))?;
            }
        }
        let held = self
            .accounts
            .iter()
            .flat_map(|account| account.held.values());
        let (deleting, live): (Vec<_>, Vec<_>) = held.partition(|held| held.deleting);
        for held in &live {
            if !ids.remove(held.reference.id()) {
                let text = format!("not listed: {}", held.reference.id());
                note(self.journal, Finding::Lost, &text)?;
            }
        }
        for held in deleting {
            ids.remove(held.reference.id());
        }
        Ok(ids.len())
    }

    /// Usage after a sweep is what lists show.
    async fn usage(&self) -> Result<()> {
        let usage = self.store.usage(Scope::All).await?;
        let beneath = Beneath::look(&self.bucket).await?;
        let equal = usage.references == beneath.markers.len() as u64
            && usage.references == beneath.outer.len() as u64
            && usage.blobs == beneath.blobs.len() as u64
            && beneath.blobs == beneath.promised;
        self.unless(equal, || format!("{usage:?} is not what is there"))
    }
}
