//! One read: from the disk where the bytes are there, else from the store and into the cache.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use media_storage::{
    BodyData, MediaBody, MediaStorage as _, RetrieveOptions, Sha256Hasher, StorageError,
    StoredMedia, Verification,
};
use media_types::StorageReference;
use tokio::time::{Instant, timeout, timeout_at};

use super::Inner;
use super::disk::{Hash, Opened, WHOLE};
use super::filling::fill_whole;
use super::flight::Claim;
use super::hit::{Hit, Origin};
use super::index::{Entry, Found};
use super::key::CacheKey;
use super::tee::Tee;

/// How often a read looks into the cache again after others failed to fill it.
const ROUNDS: usize = 4;
/// How long a read waits for the disk to open a file.
pub(super) const OPEN_STALL: Duration = Duration::from_secs(5);
/// How long the disk is left alone after it did not answer.
const REST: Duration = Duration::from_secs(30);

pub(super) async fn retrieve(
    cache: &Arc<Inner>,
    reference: &StorageReference,
    options: RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let store = &cache.store;
    if options.head() || cache.is_resting() {
        return store.retrieve_opts(reference, options).await;
    }
    if let Some(claimed) = CacheKey::claimed_by(reference) {
        // The reference may lie: about bytes that are cached, the store is asked below; about
        // others it makes no difference, as the store answers in any case.
        if !cache.admits(claimed) {
            return store.retrieve_opts(reference, options).await;
        }
        if !cache.disk.index.knows(claimed) {
            return match options.range() {
                Some(_) => cache.miss(reference, options).await,
                None => match cache.disk.index.claim(claimed) {
                    Ok(claim) => fetch(cache, reference, options, claim).await,
                    Err(_) => look(cache, reference, options).await,
                },
            };
        }
    }
    look(cache, reference, options).await
}

/// Asks the store whether the media may be read and what it is, then looks for its bytes.
async fn look(
    cache: &Arc<Inner>,
    reference: &StorageReference,
    options: RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let head = options.clone().with_head();
    let head = cache.store.retrieve_opts(reference, head).await?;
    let Some(key) = CacheKey::of(&head).filter(|key| cache.admits(*key)) else {
        return cache.store.retrieve_opts(reference, options).await;
    };
    let index = &cache.disk.index;
    let deadline = Instant::now() + cache.max_wait;
    for _ in 0..ROUNDS {
        let found = match options.range() {
            None => index.find(key),
            // A range fills nothing and waits for nobody.
            Some(_) => match index.get(key) {
                Some(entry) => Found::Present(entry),
                None => break,
            },
        };
        match found {
            Found::Present(entry) => match open(cache, &entry, &options, deadline).await {
                Ok(Opened::Whole(bytes)) => {
                    cache.count_hit(bytes.len() as u64);
                    return Ok(with_body(head, MediaBody::from_bytes(bytes)));
                }
                Ok(Opened::File(file)) => {
                    let range = range_of(&options, key.size);
                    let len = range.end - range.start;
                    cache.count_hit(len);
                    let hasher =
                        (hash_of(&options, &range, key.size) == Hash::Body).then(Sha256Hasher::new);
                    let hit = Hit {
                        disk: Arc::clone(&cache.disk),
                        entry,
                        file,
                        range,
                        hasher,
                        origin: Origin {
                            store: Arc::clone(&cache.store),
                            reference: reference.clone(),
                            options,
                        },
                    };
                    let body = MediaBody::from_stored_stream(len, None, hit.into_stream());
                    return Ok(with_body(head, body));
                }
                Ok(Opened::Gone | Opened::Unverified) => {}
                Err(error) => {
                    tracing::warn!(%error, "the read cache could not be read");
                    break;
                }
            },
            Found::UnderWay(flight) => {
                if !flight.wait(cache.patience, deadline).await {
                    break;
                }
            }
            Found::Ours(claim) => return fetch(cache, reference, options, claim).await,
        }
    }
    cache.miss(reference, options).await
}

fn with_body(mut head: StoredMedia, body: MediaBody) -> StoredMedia {
    head.body = body;
    head
}

/// The bytes that are asked for, cut at the end of the media.
fn range_of(options: &RetrieveOptions, size: u64) -> Range<u64> {
    let range = options.range().unwrap_or(0..size);
    let start = range.start.min(size);
    start..range.end.clamp(start, size)
}

fn hash_of(options: &RetrieveOptions, range: &Range<u64>, size: u64) -> Hash {
    let whole = *range == (0..size);
    if whole && options.verification() != Some(Verification::SizeOnly) {
        Hash::Body
    } else {
        Hash::Nothing
    }
}

/// Opens a file; one that this process has not hashed yet is hashed first, by one for all.
async fn open(
    cache: &Arc<Inner>,
    entry: &Arc<Entry>,
    options: &RetrieveOptions,
    deadline: Instant,
) -> io::Result<Opened> {
    let opened = open_once(cache, entry, options).await?;
    if !matches!(opened, Opened::Unverified) {
        return Ok(opened);
    }
    match cache.disk.index.claim(entry.name().key) {
        Ok(claim) => {
            let (disk, entry) = (Arc::clone(&cache.disk), Arc::clone(entry));
            // Goes on when nobody waits any more, for the next reader.
            let job = tokio::task::spawn_blocking(move || disk.verify(&entry, &claim));
            timeout_at(deadline, job).await???;
        }
        Err(flight) => {
            if !flight.wait(cache.patience, deadline).await {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
    open_once(cache, entry, options).await
}

async fn open_once(
    cache: &Arc<Inner>,
    entry: &Arc<Entry>,
    options: &RetrieveOptions,
) -> io::Result<Opened> {
    let size = entry.name().key.size;
    let range = range_of(options, size);
    let hash = hash_of(options, &range, size);
    let answer = async {
        let permit = Arc::clone(&cache.lookups).acquire_owned().await;
        let (disk, entry) = (Arc::clone(&cache.disk), Arc::clone(entry));
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            disk.open_entry(&entry, &range, hash)
        })
        .await
    };
    match timeout(OPEN_STALL, answer).await {
        Ok(answer) => answer?,
        Err(late) => {
            cache.rest(REST);
            Err(late.into())
        }
    }
}

/// Reads from the store into the cache. Whatever is wrong with the cache, the store's answer is
/// the answer.
async fn fetch(
    cache: &Arc<Inner>,
    reference: &StorageReference,
    options: RetrieveOptions,
    claim: Claim,
) -> Result<StoredMedia, StorageError> {
    let mut stored = cache.miss(reference, options.clone()).await?;
    if CacheKey::of(&stored) != Some(claim.key()) {
        return Ok(stored);
    }
    let Ok(permit) = Arc::clone(&cache.fills).try_acquire_owned() else {
        return Ok(stored);
    };
    let body = std::mem::replace(&mut stored.body, MediaBody::from_bytes(Vec::new()));
    let bytes = match body.into_data() {
        BodyData::Bytes(bytes) => bytes,
        BodyData::Stream { stream, .. } if stored.size > WHOLE => {
            let tee = Tee::new(&cache.disk, claim, permit, stream);
            stored.body = MediaBody::from_stored_stream(stored.size, None, tee);
            return Ok(stored);
        }
        BodyData::Stream { len, stream } => {
            MediaBody::from_stream(len, stream)
                .bytes(stored.size)
                .await?
        }
        BodyData::Base64(text) => {
            stored.body = MediaBody::from_base64(text);
            return Ok(stored);
        }
        // A form that this code does not know is left alone.
        _ => return cache.store.retrieve_opts(reference, options).await,
    };
    claim.flight().set_waits_for_reader(true);
    stored.body = MediaBody::from_bytes(bytes.clone());
    let disk = Arc::clone(&cache.disk);
    drop(tokio::task::spawn_blocking(move || {
        fill_whole(&disk, claim, permit, &bytes);
    }));
    Ok(stored)
}
