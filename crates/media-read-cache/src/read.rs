//! One read: from the disk if the bytes are present, otherwise from the store into the cache.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use media_storage::{
    BodyData, MediaBody, MediaStorage as _, RetrieveOptions, Sha256Hasher, StorageError,
    StoredMedia, Verification,
};
use media_types::StorageReference;
use media_types::readable::causes;
use tokio::time::{Instant, timeout, timeout_at};

use crate::disk::{Hash, Opened, WHOLE};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::filling::fill_whole;
use crate::flight::after;
use crate::hit::{Hit, Origin};
use crate::index::{Claim, Found};
use crate::key::CacheKey;
use crate::tee::Tee;

/// How often a read looks into the cache again after other readers failed to fill it.
const ROUNDS: usize = 4;
/// How long a read waits for the disk to open a file.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long reads bypass a disk that did not answer.
const BYPASS: Duration = Duration::from_secs(30);

pub(crate) async fn retrieve(
    cache: &Arc<Engine>,
    reference: &StorageReference,
    options: RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let store = &cache.store;
    if options.head() || cache.is_bypassed() {
        return store.retrieve_opts(reference, options).await;
    }
    if let Some(claimed) = CacheKey::claimed_by(reference) {
        // A forged claim is harmless: for bytes that are cached, the store is asked below; for other
        // bytes, the store answers in any case.
        if !cache.admits(claimed) {
            return store.retrieve_opts(reference, options).await;
        }
        if !cache.disk.index.knows(claimed) {
            return match options.range() {
                Some(_) => cache.miss(reference, options).await,
                None => match cache.disk.index.claim(claimed) {
                    Ok(claim) => fetch(cache, reference, options, claim).await,
                    Err(_) => look_up(cache, reference, options).await,
                },
            };
        }
    }
    look_up(cache, reference, options).await
}

/// Asks the store for the head of the media, then looks for its bytes in the cache.
async fn look_up(
    cache: &Arc<Engine>,
    reference: &StorageReference,
    options: RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let head = admitted(cache, reference, &options).await?;
    let Some(key) = CacheKey::of(&head).filter(|key| cache.admits(*key)) else {
        return cache.store.retrieve_opts(reference, options).await;
    };
    let index = &cache.disk.index;
    let deadline = after(cache.limits.max_wait);
    for _ in 0..ROUNDS {
        let found = match options.range() {
            None => index.find(key),
            // A range fills nothing and waits for no other reader.
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
                    tracing::warn!(error = %causes(&error), "failed to open a file of the read cache");
                    break;
                }
            },
            Found::InProgress(flight) => {
                if !flight.wait(cache.limits.stall_timeout, deadline).await {
                    break;
                }
            }
            Found::Vacant(claim) => return fetch(cache, reference, options, claim).await,
        }
    }
    cache.miss(reference, options).await
}

/// Returns the head of the media, if the store admits the reference.
async fn admitted(
    cache: &Engine,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    if let Some(head) = cache.heads.get(reference, options) {
        return Ok(head);
    }
    let asked = cache.heads.ask();
    let question = options.clone().with_head();
    let head = cache.store.retrieve_opts(reference, question).await?;
    cache.heads.put(reference, options, &head, asked);
    Ok(head)
}

fn with_body(mut head: StoredMedia, body: MediaBody) -> StoredMedia {
    head.body = body;
    head
}

/// Returns the requested range, cut at the end of the media.
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

/// Opens a file. A file that this process has not hashed yet is hashed first, once for all readers.
async fn open(
    cache: &Arc<Engine>,
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
            // The check goes on when this reader gives up, for the next one.
            let job = tokio::task::spawn_blocking(move || disk.verify(&entry, &claim));
            timeout_at(deadline, job).await???;
        }
        Err(flight) => {
            if !flight.wait(cache.limits.stall_timeout, deadline).await {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
    open_once(cache, entry, options).await
}

async fn open_once(
    cache: &Arc<Engine>,
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
    match timeout(OPEN_TIMEOUT, answer).await {
        Ok(answer) => answer?,
        Err(elapsed) => {
            cache.bypass_for(BYPASS);
            Err(elapsed.into())
        }
    }
}

/// Reads from the store into the cache. A failure of the cache never changes the store's answer.
async fn fetch(
    cache: &Arc<Engine>,
    reference: &StorageReference,
    options: RetrieveOptions,
    claim: Claim,
) -> Result<StoredMedia, StorageError> {
    let mut stored = cache.miss(reference, options.clone()).await?;
    if CacheKey::of(&stored) != Some(claim.key()) {
        return Ok(stored);
    }
    let Some(permit) = cache.try_fill() else {
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
        // A kind of body that this code does not know is read again, without the cache.
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
