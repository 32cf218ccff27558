//! One process: stores, verifies, deletes, sweeps, until it is killed.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures_util::stream;
use media_storage::{
    Inventory as _, MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, RetrieveOptions, Scope, Sha256Hasher, StorageError, StorageErrorKind,
    SweepDepth, SweepOptions,
};
use media_store_fs::{Durability, FileStore};
use media_types::{Mime, StorageReference};

use crate::run::journal::{Finding, Holding, Journal, Record};
use crate::run::{Result, Variant, broken};

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) directory: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) number: usize,
    pub(crate) seed: u64,
    pub(crate) variant: Variant,
}

/// The only two contents there are.
pub(crate) fn content(which: usize) -> Bytes {
    let len = if which == 0 { 3000 } else { 65_537 };
    let mut byte = 17_u8.wrapping_add(which.to_le_bytes()[0]);
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        byte = byte.wrapping_mul(73).wrapping_add(41);
        byte
    })
    .take(len)
    .collect();
    bytes.into()
}

pub(crate) async fn open(directory: &PathBuf, durability: Durability) -> Result<FileStore> {
    let builder = FileStore::builder(directory)
        .with_deduplication(true)
        .with_durability(durability);
    Ok(builder.build().await?)
}

/// Whether a reference gives its bytes, in its own scope.
pub(crate) async fn verify(
    store: &FileStore,
    reference: &StorageReference,
    number: usize,
    which: usize,
) -> std::result::Result<(), String> {
    let told = |error: StorageError| format!("{} {error:?}", reference.id());
    let scope = Scope::Conversation(conversation(number).parse().map_err(|_| "no id")?);
    let options = RetrieveOptions::new().with_expected_scope(scope);
    let media = store
        .retrieve_opts(reference, options)
        .await
        .map_err(told)?;
    let bytes = media.body.bytes(1 << 20).await.map_err(told)?;
    if bytes != content(which) {
        return Err(format!("{} has other bytes", reference.id()));
    }
    Ok(())
}

fn conversation(number: usize) -> String {
    format!("conv-{number}")
}

fn session(number: usize) -> String {
    format!("session-{number}")
}

/// Random numbers of a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

struct Worker<'a> {
    setup: &'a Setup,
    store: FileStore,
    journal: Journal,
    record: Record,
    numbers: Numbers,
}

pub(crate) fn run(setup: &Setup) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (journal, record) = Journal::open(&setup.journal, setup.number)?;
        let durability = match setup.seed % 4 {
            0 => Durability::Synced,
            _ => Durability::Buffered,
        };
        let store = match open(&setup.directory, durability).await {
            Ok(store) => store,
            Err(error) => {
                return journal.find(Finding::Failed, &format!("open: {error:?}"));
            }
        };
        let mut worker = Worker {
            setup,
            store,
            journal,
            record,
            numbers: Numbers(setup.seed),
        };
        worker.recover().await?;
        while !worker.journal.is_over() {
            worker.round().await?;
        }
        Ok(())
    })
}

impl Worker<'_> {
    fn done(&mut self, holding: Holding) -> Result<()> {
        self.record.operations += 1;
        self.record.holding = holding;
        self.journal.write(&self.record)
    }

    fn count<T>(
        &mut self,
        what: &str,
        result: std::result::Result<T, StorageError>,
    ) -> Result<Option<T>> {
        self.record.operations += 1;
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let text = format!("{what}: {error:?}");
                self.journal.find(Finding::Failed, &text)?;
                Ok(None)
            }
        }
    }

    /// What the process held when it was killed must be there; what it may have left is removed.
    async fn recover(&mut self) -> Result<()> {
        if let Holding::Live(reference, which) = self.record.holding.clone() {
            self.check(&reference, which).await?;
            self.done(Holding::Deleting(reference))?;
        }
        if self.numbers.below(2) == 0 {
            self.remove_by_hand()?;
        } else {
            self.delete_scope().await?;
        }
        self.done(Holding::Nothing)
    }

    async fn check(&mut self, reference: &StorageReference, which: usize) -> Result<()> {
        self.record.operations += 1;
        match verify(&self.store, reference, self.setup.number, which).await {
            Ok(()) => Ok(()),
            Err(text) => self.journal.find(Finding::Lost, &text),
        }
    }

    async fn round(&mut self) -> Result<()> {
        let which = usize::try_from(self.numbers.below(2))?;
        let Some(reference) = self.put(which).await? else {
            return Ok(());
        };
        self.done(Holding::Live(reference.clone(), which))?;
        self.others().await?;
        self.check(&reference, which).await?;
        self.done(Holding::Deleting(reference.clone()))?;
        self.take(&reference).await?;
        let gone = self.store.retrieve(&reference).await;
        if !gone.is_err_and(|error| error.kind() == StorageErrorKind::NotFound) {
            let text = format!("{} is there after its delete", reference.id());
            self.journal.find(Finding::Dangling, &text)?;
        }
        self.done(Holding::Nothing)
    }

    fn metadata(&self) -> Result<MediaMetadata> {
        Ok(MediaMetadata::new()
            .with_session(session(self.setup.number).parse()?)
            .with_conversation(conversation(self.setup.number).parse()?))
    }

    async fn put(&mut self, which: usize) -> Result<Option<StorageReference>> {
        let bytes = content(which);
        let metadata = self.metadata()?;
        if self.setup.variant == Variant::NoPin
            && let Some(reference) = broken::duplicate(&self.setup.directory, &bytes, &metadata)?
        {
            return Ok(Some(reference));
        }
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
        let mut upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
        if self.numbers.below(8) == 0 {
            upload = upload.with_expected_sha256(Sha256Hasher::digest(&bytes));
        }
        let stored = self.store.store(upload).await;
        self.count("store", stored)
    }

    /// What happens between a store and its delete.
    async fn others(&mut self) -> Result<()> {
        match self.numbers.below(40) {
            0..2 => self.sweep(SweepDepth::Due).await,
            2..4 => self.sweep(SweepDepth::Full).await,
            4 => {
                let exported = self.store.export_dedup_index().await;
                self.count("export", exported).map(drop)
            }
            5 => {
                let usage = self.store.usage(Scope::All).await;
                self.count("usage", usage).map(drop)
            }
            6 => {
                let metadata = self
                    .metadata()?
                    .with_retention(RetentionPolicy::DeleteAfterMinutes(1));
                let expiring = self
                    .store
                    .store_bytes(Mime::IMAGE_PNG, content(0), metadata)
                    .await;
                self.count("store", expiring).map(drop)
            }
            10 => {
                let index = fs::read(self.setup.directory.join(".dedup-index.json"));
                self.record.operations += 1;
                match index.map(|json| serde_json::from_slice::<serde_json::Value>(&json)) {
                    Ok(Err(error)) => {
                        let text = format!("the index cannot be read: {error}");
                        self.journal.find(Finding::Failed, &text)
                    }
                    _ => Ok(()),
                }
            }
            // Holds its reference for a moment.
            7..10 => {
                std::thread::sleep(Duration::from_micros(self.numbers.below(2000)));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn sweep(&mut self, depth: SweepDepth) -> Result<()> {
        let options = SweepOptions::new()
            .with_depth(depth)
            .with_now(Utc::now() + TimeDelta::minutes(2));
        let report = self.store.sweep(options).await;
        if let Some(report) = self.count("sweep", report)?
            && report.failed > 0
        {
            let text = format!("sweep: {report:?}");
            self.journal.find(Finding::Failed, &text)?;
        }
        Ok(())
    }

    async fn take(&mut self, reference: &StorageReference) -> Result<()> {
        if self.setup.variant == Variant::NoPin {
            broken::delete(&self.setup.directory, reference)?;
            self.record.operations += 1;
            return Ok(());
        }
        match self.numbers.below(20) {
            0 => self.remove_by_hand(),
            1 | 2 => self.delete_scope().await,
            _ => {
                let deleted = self.store.delete(reference).await;
                self.count("delete", deleted).map(drop)
            }
        }
    }

    async fn delete_scope(&mut self) -> Result<()> {
        let scope = Scope::Conversation(conversation(self.setup.number).parse()?);
        let report = self.store.delete_scope(scope).await;
        if let Some(report) = self.count("delete-scope", report)?
            && report.failed > 0
        {
            let text = format!("delete-scope: {report:?}");
            self.journal.find(Finding::Failed, &text)?;
        }
        Ok(())
    }

    /// What a user may do to a session: `rm -rf`.
    fn remove_by_hand(&mut self) -> Result<()> {
        self.record.operations += 1;
        let path = self.setup.directory.join(session(self.setup.number));
        match fs::remove_dir_all(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => self
                .journal
                .find(Finding::Failed, &format!("rm: {error:?}")),
        }
    }
}
