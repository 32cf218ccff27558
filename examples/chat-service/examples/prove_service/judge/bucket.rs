//! Reading a bucket.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde_json::Value;
use test_servers::s3::{REGION, S3Server};

use super::media::{Item, MediaFound};
use crate::Failure;
use crate::servers::PREFIX;

/// A marker of the second protocol is longer than this when it is sealed.
const SEALED: usize = 500;

/// Reads all objects.
pub(crate) async fn bucket(server: &S3Server) -> Result<MediaFound, Failure> {
    let client = AmazonS3Builder::new()
        .with_endpoint(server.endpoint())
        .with_allow_http(true)
        .with_region(REGION)
        .with_bucket_name(server.bucket())
        .with_access_key_id(server.access_key())
        .with_secret_access_key(server.secret_key())
        .build()?;
    let prefix = object_store::path::Path::from(PREFIX);
    let listed: Vec<_> = client.list(Some(&prefix)).try_collect().await?;
    let mut objects = BTreeMap::new();
    for object in listed {
        let bytes = client.get(&object.location).await?.bytes().await?;
        let key = object.location.to_string();
        let key = key.strip_prefix(PREFIX).unwrap_or(&key);
        objects.insert(key.trim_start_matches('/').to_owned(), bytes);
    }
    let mut found = MediaFound::default();
    let mut sums = BTreeMap::new();
    for (key, bytes) in &objects {
        if holds_media(key) {
            sums.insert(key.as_str(), found.note(key, bytes));
        }
    }
    // Of both protocols: bytes by their generation, markers by generation and token.
    let mut blobs = BTreeMap::new();
    let mut markers = BTreeMap::new();
    for (key, bytes) in &objects {
        if let Some(place) = part(key, "blob")
            && let Some((_, generation)) = place.rsplit_once('/')
        {
            blobs.insert(generation, key);
        }
        if let Some(place) = part(key, "ref")
            && let Some((place, token)) = place.rsplit_once('/')
            && let Some((_, generation)) = place.rsplit_once('/')
            // What the second protocol has not sealed, or has buried, is no reference.
            && (key.starts_with(".store/v1/") || bytes.len() > SEALED)
        {
            markers.insert((generation, token), key);
        }
    }
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for (key, bytes) in objects.iter().filter(|(_, bytes)| !is_tombstone(bytes)) {
        let Some(id) = key.strip_suffix(".meta") else {
            continue;
        };
        let sidecar: Value = serde_json::from_slice(bytes)?;
        // Shared bytes: the sidecar names their generation, and a marker says that the reference exists.
        let body = match sidecar["generation"].as_str() {
            None => Some(id),
            Some(generation) => {
                let Some(marker) = markers.get(&(generation, token(id))) else {
                    found.leftovers.insert(key.clone());
                    continue;
                };
                needed.insert(marker);
                blobs.get(generation).map(|key| key.as_str())
            }
        };
        let sum = body.and_then(|body| sums.get(body)).cloned();
        needed.extend(body);
        found.items.insert(id.to_owned(), Item { sidecar, sum });
    }
    let left = objects.iter().filter(|(key, bytes)| {
        let is_part = holds_media(key) || part(key, "ref").is_some();
        is_part && !is_tombstone(bytes) && !needed.contains(key.as_str())
    });
    found.leftovers.extend(left.map(|(key, _)| key.clone()));
    Ok(found)
}

/// Whether a sidecar or a marker is the tombstone of a deletion, or of what was never sealed.
fn is_tombstone(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(b"retired")
}

/// Returns the rest of a key of one kind of the store's own objects.
fn part<'a>(key: &'a str, kind: &str) -> Option<&'a str> {
    let rest = key.strip_prefix(".store/v")?;
    let (_, rest) = rest.split_once('/')?;
    rest.strip_prefix(kind)?.strip_prefix('/')
}

/// Whether the object holds bytes of media.
fn holds_media(key: &str) -> bool {
    match key.starts_with(".store/") {
        true => part(key, "blob").is_some(),
        false => !key.ends_with(".meta"),
    }
}

/// Returns the random part of a reference's name.
fn token(id: &str) -> &str {
    let file = id.rsplit('/').next().unwrap_or_default();
    let token = file.split_once('-').map_or(file, |(_, token)| token);
    token.split('.').next().unwrap_or_default()
}
