//! A process that stores, duplicates and deletes.

use std::path::Path;

use bytes::Bytes;
use media_storage::{
    DuplicateOptions, MediaMetadata, MediaStorage as _, MediaStorageExt as _, StorageErrorKind,
};
use media_store_fs::{Durability, FileStore};
use media_types::{Mime, StorageReference};

use crate::Error;

/// Number of live references of each process.
const LIVE: usize = 400;

/// Number of different contents. Few references share one, so that inodes are freed all the time.
const CONTENTS: u64 = 4096;

pub(crate) async fn open(directory: &Path) -> Result<FileStore, Error> {
    let store = FileStore::builder(directory)
        .with_deduplication(true)
        .with_durability(Durability::Buffered)
        .build()
        .await?;
    Ok(store)
}

/// Runs a number of operations and prints how many references were lost.
pub(crate) async fn run(directory: &Path, seed: u64, operations: u64) -> Result<bool, Error> {
    let store = open(directory).await?;
    let session = format!("session-{seed}");
    let mut numbers = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut live: Vec<(StorageReference, u64)> = Vec::new();
    let mut lost = 0;
    for _ in 0..operations {
        let draw = next(&mut numbers);
        let metadata = MediaMetadata::new()
            .with_session(session.parse()?)
            .with_conversation(format!("conv-{}", draw % 7).parse()?);
        let at = usize::try_from(draw >> 32)? % live.len().max(1);
        if live.len() >= LIVE || (draw.is_multiple_of(2) && !live.is_empty()) {
            let (reference, number) = live.swap_remove(at);
            lost += u64::from(!holds(&store, &reference, number).await?);
            store.delete(&reference).await?;
        } else if draw % 8 == 1 && !live.is_empty() {
            let (source, number) = live[at].clone();
            match store
                .duplicate(&source, DuplicateOptions::new(metadata))
                .await
            {
                Ok(copy) => live.push((copy, number)),
                Err(error) if error.kind() == StorageErrorKind::NotFound => lost += 1,
                Err(error) => return Err(error.into()),
            }
        } else {
            let number = draw % CONTENTS;
            let stored = store.store_bytes(Mime::IMAGE_PNG, content(number), metadata);
            live.push((stored.await?, number));
        }
    }
    for (reference, number) in live {
        lost += u64::from(!holds(&store, &reference, number).await?);
        store.delete(&reference).await?;
    }
    println!("{lost}");
    Ok(true)
}

async fn holds(
    store: &FileStore,
    reference: &StorageReference,
    number: u64,
) -> Result<bool, Error> {
    match store.retrieve_bytes(reference, 1 << 20).await {
        Ok(bytes) => Ok(bytes == content(number)),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// All contents have one size, so that only their hashes differ.
fn content(number: u64) -> Bytes {
    let mut state = number.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d);
    let bytes: Vec<u8> = (0..256)
        .flat_map(|_| next(&mut state).to_le_bytes())
        .collect();
    bytes.into()
}

/// A sequence of numbers that looks random and is the same each time (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
