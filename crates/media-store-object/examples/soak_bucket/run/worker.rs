//! One process: stores, verifies, deletes, sweeps, until it is killed.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures_util::stream;
use media_storage::{
    Inventory as _, MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    MetadataPatch, RetentionPolicy, Scope, Sha256Hasher, StorageError, StorageErrorKind,
    SweepDepth, SweepOptions,
};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};

use crate::run::broken::Broken;
use crate::run::client::{Retries, Verdict, open, verify};
use crate::run::content::{Content, Numbers};
use crate::run::journal::{Act, Event, Finding, Held, Journal};
use crate::run::services::Access;
use crate::run::{Protocol, Result, Variant};

/// How many references a process keeps beside the one that it shares with others.
const KEPT: u64 = 6;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) journal: PathBuf,
    pub(crate) number: usize,
    pub(crate) seed: u64,
    pub(crate) variant: Variant,
}

/// The conversation of a slot: the first holds what is shared, the others what is kept.
pub(crate) fn conversation(number: usize, slot: usize) -> String {
    match slot {
        0 => format!("shares-{number}"),
        _ => format!("keeps-{number}"),
    }
}

pub(crate) fn scope(number: usize, slot: usize) -> Result<Scope> {
    Ok(Scope::Conversation(conversation(number, slot).parse()?))
}

struct Worker<'a> {
    setup: &'a Setup,
    store: ObjectMediaStore,
    broken: Option<Broken>,
    journal: Journal,
    numbers: Numbers,
}

pub(crate) fn run(setup: &Setup) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let protocol = Protocol::of(setup.number, setup.variant);
        let access = Access::load(&setup.journal, protocol)?;
        let mut journal = Journal::open(&setup.journal, setup.number)?;
        let Some(store) = opened(&access, setup, protocol, &mut journal).await? else {
            return Ok(());
        };
        let broken = Broken::new(setup.variant, &access)?;
        let mut worker = Worker {
            setup,
            store,
            broken,
            journal,
            numbers: Numbers::new(setup.seed),
        };
        worker.recover().await?;
        while !worker.journal.is_over() {
            worker.round().await?;
        }
        Ok(())
    })
}

async fn opened(
    access: &Access,
    setup: &Setup,
    protocol: Protocol,
    journal: &mut Journal,
) -> Result<Option<ObjectMediaStore>> {
    let retries = match setup.seed % 2 {
        0 => Retries::None,
        _ => Retries::Few,
    };
    while !journal.is_over() {
        match open(access, retries, protocol).await {
            Ok(store)
                if store.is_deduplicating()
                    && store.refuses_late_writes() == (protocol == Protocol::Second) =>
            {
                journal.write(Event::Did(Act::Open))?;
                return Ok(Some(store));
            }
            Ok(store) => {
                let text = format!("open: {store:?} by {protocol:?}");
                journal.find(Finding::Failed, &text)?;
            }
            Err(error) if error.is_retryable() => {
                journal.write(Event::Failed(Act::Open))?;
            }
            Err(error) => journal.find(Finding::Failed, &format!("open: {error:?}"))?,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

impl Worker<'_> {
    /// Counts a call. Faults explain that the service cannot be reached, and nothing else.
    fn count<T>(
        &mut self,
        act: Act,
        result: std::result::Result<T, StorageError>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => {
                self.journal.write(Event::Did(act))?;
                Ok(Some(value))
            }
            Err(error) => {
                if !error.is_retryable() {
                    let text = format!("{act:?}: {error:?}");
                    self.journal.find(Finding::Failed, &text)?;
                }
                self.journal.write(Event::Failed(act))?;
                Ok(None)
            }
        }
    }

    /// What the process held when it was killed must be there; what it may have left is removed.
    async fn recover(&mut self) -> Result<()> {
        for (slot, held) in self.journal.account.held.clone() {
            if held.deleting || slot == 0 {
                self.remove(slot, held).await?;
            }
        }
        // What could not be read before the end is for the judge.
        if self.journal.account.held.contains_key(&0) {
            return Ok(());
        }
        self.delete_scope().await
    }

    async fn round(&mut self) -> Result<()> {
        // The first process collects more than it stores.
        if self.setup.number == 0 && self.numbers.below(3) > 0 {
            return self.sweep().await;
        }
        let content = Content::draw(&mut self.numbers);
        let Some(held) = self.put(0, content).await? else {
            return self.after_failure().await;
        };
        self.others().await?;
        if self.journal.is_over() {
            // What is held at the end is for the judge.
            return Ok(());
        }
        let changed = self.journal.account.held.get(&0).cloned();
        self.remove(0, changed.unwrap_or(held)).await
    }

    /// Nobody knows whether a store that failed left a reference.
    async fn after_failure(&mut self) -> Result<()> {
        tokio::time::sleep(PAUSE).await;
        if self.numbers.below(2) == 0 {
            self.delete_scope().await?;
        }
        Ok(())
    }

    /// What happens between a store and its delete.
    async fn others(&mut self) -> Result<()> {
        match self.numbers.below(24) {
            0 => self.sweep().await,
            1 | 2 => self.keep().await,
            3 => {
                let metadata = self.metadata(0)?;
                let metadata = metadata.with_retention(RetentionPolicy::DeleteAfterMinutes(1));
                let bytes = Content::draw(&mut self.numbers).bytes();
                let body = MediaBody::from_bytes(bytes);
                let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
                let expiring = self.store.store(upload).await;
                self.count(Act::Store, expiring).map(drop)
            }
            // Holds its reference for a moment.
            4..8 => {
                tokio::time::sleep(Duration::from_millis(self.numbers.below(30))).await;
                Ok(())
            }
            8..12 => self.update(0).await,
            _ => Ok(()),
        }
    }

    /// Changes the metadata of a reference, which the first protocol cannot.
    async fn update(&mut self, slot: usize) -> Result<()> {
        let held = self.journal.account.held.get(&slot).cloned();
        let Some(held) = held.filter(|_| self.store.refuses_late_writes()) else {
            return Ok(());
        };
        self.journal.write(Event::Changing(slot))?;
        let days = 1 + u32::try_from(self.numbers.below(1000))?;
        let patch = MetadataPatch::new()
            .with_retention(RetentionPolicy::RetainDays(days))
            .with_user(Some(format!("user-{}", days % 3).parse()?));
        let updated = self.store.update(&held.reference, patch).await;
        match self.count(Act::Update, updated)? {
            Some(()) => self.journal.write(Event::Changed(slot, days)),
            None => Ok(()),
        }
    }

    /// Changes one of the references that are kept.
    async fn keep(&mut self) -> Result<()> {
        let slot = usize::try_from(1 + self.numbers.below(KEPT))?;
        if let Some(held) = self.journal.account.held.get(&slot).cloned() {
            self.remove(slot, held).await?;
        }
        if self.journal.account.held.contains_key(&slot) {
            return Ok(());
        }
        let content = Content::Own(self.numbers.next());
        match self.put(slot, content).await? {
            Some(_) if self.numbers.below(2) == 0 => self.update(slot).await,
            _ => Ok(()),
        }
    }

    fn metadata(&self, slot: usize) -> Result<MediaMetadata> {
        let session = format!("session-{}", self.setup.number);
        Ok(MediaMetadata::new()
            .with_session(session.parse()?)
            .with_conversation(conversation(self.setup.number, slot).parse()?))
    }

    async fn put(&mut self, slot: usize, content: Content) -> Result<Option<Held>> {
        let bytes = content.bytes();
        let pieces = |bytes: Bytes| {
            let half = bytes.len() / 2;
            stream::iter([Ok(bytes.slice(..half)), Ok(bytes.slice(half..))])
        };
        let body = match self.numbers.below(4) {
            0 => MediaBody::from_bytes(bytes.clone()),
            1 => MediaBody::from_base64(media_types::base64::encode(&bytes).into()),
            2 => MediaBody::from_stream(Some(bytes.len() as u64), pieces(bytes.clone())),
            _ => MediaBody::from_stream(None, pieces(bytes.clone())),
        };
        let mut upload = MediaUpload::new(Mime::IMAGE_PNG, body, self.metadata(slot)?);
        if self.numbers.below(8) == 0 {
            upload = upload.with_expected_sha256(Sha256Hasher::digest(&bytes));
        }
        let stored = self.store.store(upload).await;
        let Some(reference) = self.count(Act::Store, stored)? else {
            return Ok(None);
        };
        let live = Event::Live(slot, content, reference.clone());
        self.journal.write(live)?;
        Ok(Some(Held {
            content,
            reference,
            days: None,
            deleting: false,
        }))
    }

    /// Verifies and deletes a reference. When the processes are to end meanwhile, it stays.
    async fn remove(&mut self, slot: usize, held: Held) -> Result<()> {
        if !held.deleting {
            if !self.check(slot, &held).await? {
                return Ok(());
            }
            self.journal.write(Event::Deleting(slot))?;
        }
        while !self.take(slot, &held.reference).await? {
            if self.journal.is_over() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.gone(&held.reference).await?;
        self.journal.write(Event::Free(slot))
    }

    /// Reads a reference that must be there; whether that could be told before the end.
    async fn check(&mut self, slot: usize, held: &Held) -> Result<bool> {
        let scope = scope(self.setup.number, slot)?;
        while !self.journal.is_over() {
            let read = verify(&self.store, held, scope.clone()).await;
            match read {
                Verdict::Good => {
                    self.journal.write(Event::Did(Act::Read))?;
                    return Ok(true);
                }
                Verdict::Bad(text) => {
                    self.journal.find(Finding::Lost, &text)?;
                    return Ok(true);
                }
                Verdict::Unknown => self.journal.write(Event::Failed(Act::Read))?,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// Deletes; whether that is certain.
    async fn take(&mut self, slot: usize, reference: &StorageReference) -> Result<bool> {
        if slot == 0 && self.numbers.below(3) == 0 {
            self.delete_scope().await?;
        }
        let deleted = self.store.delete(reference).await;
        let deleted = self.count(Act::Delete, deleted)?.is_some();
        if let (Some(broken), Some(sha256)) = (&self.broken, reference.sha256()) {
            let collected = broken.collect_hash(sha256).await;
            self.swept_by_broken(&collected)?;
        }
        Ok(deleted)
    }

    async fn gone(&mut self, reference: &StorageReference) -> Result<()> {
        match self.store.retrieve(reference).await {
            Ok(_) if self.store.refuses_late_writes() => {
                let text = format!("deleted, and readable: {}", reference.id());
                self.journal.find(Finding::Dangling, &text)
            }
            Ok(_) => self.journal.write(Event::CameBack),
            Err(error) if error.kind() == StorageErrorKind::NotFound => {
                self.journal.write(Event::Did(Act::Read))
            }
            Err(error) => self.count::<()>(Act::Read, Err(error)).map(drop),
        }
    }

    async fn delete_scope(&mut self) -> Result<()> {
        let scope = scope(self.setup.number, 0)?;
        let report = self.store.delete_scope(scope).await;
        self.count(Act::DeleteScope, report).map(drop)
    }

    fn swept_by_broken(&mut self, swept: &Result<()>) -> Result<()> {
        self.journal.write(match swept {
            Ok(()) => Event::Did(Act::Sweep),
            Err(_) => Event::Failed(Act::Sweep),
        })
    }

    async fn sweep(&mut self) -> Result<()> {
        if let Some(broken) = &self.broken {
            let swept = broken.collect().await;
            return self.swept_by_broken(&swept);
        }
        let options = SweepOptions::new().with_now(Utc::now() + TimeDelta::minutes(2));
        let options = match self.numbers.below(5) {
            0 => options,
            1 => options
                .with_depth(SweepDepth::Full)
                .with_grace(Duration::from_secs(2))
                .with_resume(true),
            2 => options
                .with_depth(SweepDepth::Full)
                .with_grace(Duration::from_secs(2)),
            _ => options
                .with_depth(SweepDepth::Full)
                .with_grace(Duration::ZERO),
        };
        let report = self.store.sweep(options).await;
        match self.count(Act::Sweep, report)? {
            Some(report) => self
                .journal
                .write(Event::Swept(report.blobs, report.staging)),
            None => Ok(()),
        }
    }
}
