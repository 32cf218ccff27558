//! Reading a bucket.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde_json::Value;
use test_servers::s3::{REGION, S3Server};

use super::media::{Item, MediaFound};
use crate::Failure;
use crate::servers::PREFIX;

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
    let mut needed = Vec::new();
    for (key, bytes) in &objects {
        let Some(id) = key.strip_suffix(".meta") else {
            continue;
        };
        let sidecar: Value = serde_json::from_slice(bytes)?;
        // Shared bytes: the sidecar names their generation, and a marker says that the reference exists.
        let body = match sidecar["generation"].as_str() {
            None => Some(id.to_owned()),
            Some(generation) => {
                let sum = sidecar["sha256"].as_str().unwrap_or_default();
                let token = token(id);
                let marker = format!(".store/v1/ref/{sum}/{generation}/{token}");
                let body = format!(".store/v1/blob/{sum}/{generation}");
                let is_marked = objects.contains_key(&marker);
                needed.push(marker);
                is_marked.then_some(body)
            }
        };
        let sum = body.as_deref().and_then(|body| sums.get(body)).cloned();
        needed.extend(body);
        found.items.insert(id.to_owned(), Item { sidecar, sum });
    }
    let is_left = |key: &&String| {
        let is_part = holds_media(key) || key.starts_with(".store/v1/ref/");
        is_part && !needed.contains(key)
    };
    found.leftovers = objects.keys().filter(is_left).cloned().collect();
    Ok(found)
}

/// Whether the object holds bytes of media.
fn holds_media(key: &str) -> bool {
    match key.strip_prefix(".store/") {
        Some(inner) => inner.starts_with("v1/blob/"),
        None => !key.ends_with(".meta"),
    }
}

/// Returns the random part of a reference's name.
fn token(id: &str) -> &str {
    let file = id.rsplit('/').next().unwrap_or_default();
    let token = file.split_once('-').map_or(file, |(_, token)| token);
    token.split('.').next().unwrap_or_default()
}
