//! Measures what encryption costs: the same operations on a file store with and without it, in turn.
//!
//! ```text
//! cargo run --release -p media-encryption --example throughput -- [ROUNDS]
//! ```
//!
//! Prints medians, and the throughput of the encrypted store relative to the plain one.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_encryption::{Encrypted, LocalKeys, MasterKey};
use media_storage::{
    MediaBody, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload, StorageError,
};
use media_store_fs::{Durability, FileStore};
use media_types::{Mime, StorageReference};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MIB: usize = 1 << 20;

/// The least relative throughput that is accepted.
const GOAL: f64 = 0.7;

#[derive(Clone, Copy, Debug)]
enum Operation {
    StoreBytes,
    StoreStream,
    Load,
}

impl Operation {
    const ALL: [Self; 3] = [Self::StoreBytes, Self::StoreStream, Self::Load];

    fn name(self) -> &'static str {
        match self {
            Self::StoreBytes => "store bytes",
            Self::StoreStream => "store a stream (spooled)",
            Self::Load => "load",
        }
    }
}

fn metadata() -> Outcome<MediaMetadata> {
    Ok(MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("conv-1".parse()?)
        .with_user("ann".parse()?))
}

fn body(bytes: &Bytes) -> MediaBody {
    let pieces: Vec<_> = bytes
        .chunks(256 * 1024)
        .map(|piece| Ok::<_, StorageError>(bytes.slice_ref(piece)))
        .collect();
    MediaBody::from_stream(Some(bytes.len() as u64), stream::iter(pieces))
}

async fn once(
    store: &dyn MediaStorage,
    operation: Operation,
    bytes: &Bytes,
    stored: &StorageReference,
) -> Outcome<f64> {
    let upload = |body| {
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(MediaUpload::new(
            Mime::IMAGE_PNG,
            body,
            metadata()?,
        ))
    };
    let begun = Instant::now();
    let reference = match operation {
        Operation::StoreBytes => Some(
            store
                .store(upload(MediaBody::from_bytes(bytes.clone()))?)
                .await?,
        ),
        Operation::StoreStream => Some(store.store(upload(body(bytes))?).await?),
        Operation::Load => {
            let mut stream = store.retrieve(stored).await?.body.into_stream();
            let mut len = 0;
            while let Some(piece) = stream.next().await {
                len += piece?.len();
            }
            if len != bytes.len() {
                return Err("the media has another size".into());
            }
            None
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    if let Some(reference) = reference {
        store.delete(&reference).await?;
    }
    Ok(seconds)
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(0.0)
}

async fn files(directory: &Path, durability: Durability) -> Outcome<FileStore> {
    let store = FileStore::builder(directory).with_durability(durability);
    Ok(store.build().await?)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let rounds: usize = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse()?,
        None => 15,
    };
    let directory = tempfile::tempdir()?;
    let key = MasterKey::from_bytes([7; 32]);
    let keys = LocalKeys::builder(directory.path().join("keys"), key);
    let keys = keys.with_create(true).open().await?;
    let mut missed = 0;
    for durability in [Durability::Synced, Durability::Buffered] {
        let (one, two) = (
            directory.path().join("plain"),
            directory.path().join("encrypted"),
        );
        let plain = files(&one, durability).await?;
        let encrypted = Encrypted::new(files(&two, durability).await?, keys.clone());
        for len in [100 * 1024, MIB, 20 * MIB] {
            let bytes: Bytes = (0..len).map(|at| (at * 31 + at / 251) as u8).collect();
            let here = plain
                .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata()?)
                .await?;
            let there = encrypted
                .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata()?)
                .await?;
            for operation in Operation::ALL {
                let (mut without, mut with) = (Vec::new(), Vec::new());
                for _ in 0..rounds {
                    without.push(once(&plain, operation, &bytes, &here).await?);
                    with.push(once(&encrypted, operation, &bytes, &there).await?);
                }
                let (without, with) = (median(without), median(with));
                let ratio = without / with;
                missed += usize::from(ratio < GOAL);
                println!(
                    "{durability:?} {:>6} KiB, {:<29} plain {:>8.2} ms, encrypted {:>8.2} ms, {ratio:.2} x",
                    len / 1024,
                    operation.name(),
                    without * 1e3,
                    with * 1e3,
                );
            }
        }
    }
    println!("below {GOAL} x the throughput without encryption: {missed}");
    Ok(())
}
