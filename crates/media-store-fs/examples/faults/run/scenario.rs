//! What the store is asked to do under a fault.

use std::fs;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use media_storage::{
    Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, Scope, StorageError, StorageErrorKind,
};
use media_store_fs::FileStore;
use media_types::{Mime, StorageReference};

use crate::run::Result;
use crate::run::world::{World, about, full_sweep, noise, png};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Open,
    StoreNew,
    StoreDuplicate,
    StoreStreamed,
    StoreStreamedDuplicate,
    StoreExpiring,
    StoreAlone,
    DeleteLast,
    DeleteShared,
    /// Somebody removed the files already, and may have died before the fsync.
    DeleteGone,
    DeleteScope,
    Sweep,
    Export,
    RetrieveSmall,
    RetrieveLarge,
    Usage,
    List,
}

impl Scenario {
    pub(crate) const ALL: [Self; 17] = [
        Self::Open,
        Self::StoreNew,
        Self::StoreDuplicate,
        Self::StoreStreamed,
        Self::StoreStreamedDuplicate,
        Self::StoreExpiring,
        Self::StoreAlone,
        Self::DeleteLast,
        Self::DeleteShared,
        Self::DeleteGone,
        Self::DeleteScope,
        Self::Sweep,
        Self::Export,
        Self::RetrieveSmall,
        Self::RetrieveLarge,
        Self::Usage,
        Self::List,
    ];

    /// How many fsyncs it must make at least, to be what it says.
    pub(crate) fn fsyncs(self) -> u32 {
        match self {
            Self::StoreNew | Self::StoreStreamed | Self::StoreExpiring | Self::StoreAlone => 3,
            Self::StoreDuplicate | Self::StoreStreamedDuplicate => 2,
            Self::DeleteLast | Self::DeleteShared | Self::DeleteGone => 1,
            _ => 0,
        }
    }
}

/// What is ready before the fault begins.
pub(crate) struct Prepared {
    scenario: Scenario,
    store: Option<FileStore>,
    target: Option<StorageReference>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored(StorageReference, Bytes),
    Done,
    Failed(StorageError),
}

const SMALL: usize = 4000;
/// Above the size up to which a read is one piece.
const LARGE: usize = (1 << 20) + 4097;

fn content(scenario: Scenario) -> Bytes {
    match scenario {
        Scenario::StoreDuplicate | Scenario::StoreStreamedDuplicate => noise(1, SMALL),
        _ => noise(7, SMALL),
    }
}

/// Puts what every scenario needs into a new base directory.
pub(crate) async fn furnish(world: &mut World) -> Result<()> {
    let store = world.open().await?;
    world.keep(&store, noise(1, SMALL)).await?;
    world.keep(&store, noise(1, SMALL)).await?;
    world.keep(&store, noise(2, LARGE)).await?;
    store.close().await?;
    Ok(())
}

impl Prepared {
    pub(crate) async fn new(scenario: Scenario, world: &World) -> Result<Self> {
        let mut target = None;
        let setup = world.open().await?;
        let put = async |bytes| {
            let reference = setup.store(png(bytes, about("target")?)).await?;
            Result::Ok(reference)
        };
        match scenario {
            Scenario::DeleteLast => target = Some(put(noise(5, SMALL)).await?),
            Scenario::DeleteShared => target = Some(put(noise(1, SMALL)).await?),
            Scenario::DeleteGone => {
                let gone = put(noise(1, SMALL)).await?;
                let path = world.base.join(gone.id());
                fs::remove_file(&path)?;
                fs::remove_file(format!("{}.meta", path.display()))?;
                target = Some(gone);
            }
            Scenario::DeleteScope => {
                put(noise(1, SMALL)).await?;
                put(noise(5, SMALL)).await?;
            }
            Scenario::RetrieveSmall => target = world.kept.first().map(|kept| kept.0.clone()),
            Scenario::RetrieveLarge => target = world.kept.get(2).map(|kept| kept.0.clone()),
            Scenario::Sweep => litter(&setup, world).await?,
            _ => {}
        }
        setup.close().await?;
        drop(setup);
        let store = match scenario {
            Scenario::Open => None,
            Scenario::StoreAlone => Some(FileStore::builder(&world.base).build().await?),
            _ => Some(world.open().await?),
        };
        Ok(Self {
            scenario,
            store,
            target,
        })
    }

    pub(crate) async fn run(&self, world: &World) -> Result<Outcome> {
        match self.attempt(world).await? {
            Ok(outcome) => Ok(outcome),
            Err(error) => Ok(Outcome::Failed(error)),
        }
    }

    async fn attempt(&self, world: &World) -> Result<std::result::Result<Outcome, StorageError>> {
        let Some(store) = &self.store else {
            return Ok(world.open().await.map(|_| Outcome::Done));
        };
        let bytes = content(self.scenario);
        let stored = |result: std::result::Result<StorageReference, StorageError>| {
            result.map(|reference| Outcome::Stored(reference, bytes.clone()))
        };
        let target = || self.target.as_ref().ok_or("there is no target");
        let done = |_| Outcome::Done;
        Ok(match self.scenario {
            Scenario::Open => return Err("there is no store".into()),
            Scenario::StoreNew | Scenario::StoreDuplicate | Scenario::StoreAlone => {
                stored(store.store(png(bytes.clone(), about("new")?)).await)
            }
            Scenario::StoreStreamed | Scenario::StoreStreamedDuplicate => {
                let half = bytes.len() / 2;
                let pieces = [Ok(bytes.slice(..half)), Ok(bytes.slice(half..))];
                let body = MediaBody::from_stream(None, stream::iter(pieces));
                let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("new")?);
                stored(store.store(upload).await)
            }
            Scenario::StoreExpiring => {
                let metadata = about("new")?.with_retention(RetentionPolicy::RetainDays(1));
                stored(store.store(png(bytes.clone(), metadata)).await)
            }
            Scenario::DeleteLast | Scenario::DeleteShared | Scenario::DeleteGone => {
                store.delete(target()?).await.map(done)
            }
            Scenario::DeleteScope => {
                let scope = Scope::Conversation("target".parse()?);
                store.delete_scope(scope).await.map(|_| Outcome::Done)
            }
            Scenario::Sweep => store.sweep(full_sweep()).await.map(|_| Outcome::Done),
            Scenario::Export => store.export_dedup_index().await.map(done),
            Scenario::RetrieveSmall | Scenario::RetrieveLarge => {
                let read = store.retrieve_bytes(target()?, 1 << 24).await;
                let right =
                    |kept: &&(StorageReference, Bytes)| Some(&kept.0) == self.target.as_ref();
                let kept = world.kept.iter().find(right);
                if let (Ok(read), Some((_, bytes))) = (&read, kept)
                    && read != bytes
                {
                    return Err("other bytes were read".into());
                }
                read.map(|_| Outcome::Done)
            }
            Scenario::Usage => match store.usage(Scope::All).await {
                Ok(usage) if usage.references != world.kept.len() as u64 => {
                    return Err(format!("usage tells {usage:?}").into());
                }
                other => other.map(|_| Outcome::Done),
            },
            Scenario::List => {
                let entries: Vec<_> = store.list(Scope::All).collect().await;
                if entries.iter().all(std::result::Result::is_ok)
                    && entries.len() != world.kept.len()
                {
                    return Err(format!("{} listed", entries.len()).into());
                }
                entries
                    .into_iter()
                    .find_map(std::result::Result::err)
                    .map_or(Ok(Outcome::Done), Err)
            }
        })
    }

    /// What the caller does next when the fault is over: tries again what failed. `Some` tells what
    /// is there more than before.
    pub(crate) async fn afterwards(
        self,
        outcome: Outcome,
        world: &World,
    ) -> std::result::Result<Option<(StorageReference, Bytes)>, String> {
        let told = |error: StorageError| format!("tried again: {error:?}");
        let failed = matches!(outcome, Outcome::Failed(_));
        match (self.scenario, &self.store) {
            (Scenario::DeleteLast | Scenario::DeleteShared | Scenario::DeleteGone, Some(store)) => {
                let Some(target) = &self.target else {
                    return Err("there is no target".to_owned());
                };
                if failed {
                    store.delete(target).await.map_err(told)?;
                }
                match store.retrieve(target).await {
                    Err(error) if error.kind() == StorageErrorKind::NotFound => {}
                    other => return Err(format!("after the delete: {other:?}")),
                }
            }
            (Scenario::DeleteScope, Some(store)) => {
                let scope = Scope::Conversation(
                    "target".parse().map_err(|_| "no conversation".to_owned())?,
                );
                store.delete_scope(scope).await.map_err(told)?;
            }
            (Scenario::Export, Some(store)) => {
                if failed {
                    store.export_dedup_index().await.map_err(told)?;
                }
                let index = fs::read(world.base.join(".dedup-index.json"))
                    .map_err(|error| error.to_string())?;
                serde_json::from_slice::<serde_json::Value>(&index)
                    .map_err(|error| format!("the index: {error}"))?;
            }
            _ => {}
        }
        if let Some(store) = &self.store {
            store.close().await.map_err(told)?;
        }
        Ok(match outcome {
            Outcome::Stored(reference, bytes) => Some((reference, bytes)),
            _ => None,
        })
    }
}

/// Leaves something of everything that a sweep removes.
async fn litter(store: &FileStore, world: &World) -> Result<()> {
    let expired = about("target")?.with_retention(RetentionPolicy::DeleteAfterMinutes(1));
    let reference = store.store(png(noise(5, SMALL), expired)).await?;
    // Time is in the sidecar: an hour ago.
    let path = world.base.join(format!("{}.meta", reference.id()));
    let mut sidecar = media_storage::Sidecar::from_json(&fs::read(&path)?)?;
    sidecar.stored_at = Utc::now() - TimeDelta::hours(1);
    sidecar.expires_at = Some(Utc::now() - TimeDelta::minutes(59));
    fs::write(&path, sidecar.to_json()?)?;
    let orphan = store.store(png(noise(6, SMALL), about("orphan")?)).await?;
    fs::remove_file(world.base.join(orphan.id()))?;
    let dead = world.base.join(".store/tmp/00000000000000000000000000");
    fs::create_dir_all(&dead)?;
    fs::write(dead.join("lock"), "")?;
    fs::write(dead.join("0000000000000000000000000a"), "partial")?;
    Ok(())
}
