//! What is in the bucket beneath the store, by its names.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use media_store_object::protocol::{Nonce, Record, RecordState};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde::Deserialize;

use crate::run::Result;
use crate::run::client::PREFIX;

/// Size of a sidecar that was retired, in bytes: a word, a space and a nonce.
const RETIRED_SIDECAR: u64 = 40;
/// Size of a marker that was retired: a word.
const RETIRED_MARKER: u64 = 7;

/// A name of the first protocol, as its documentation tells.
pub(crate) fn internal(rest: &str) -> Result<Path> {
    Ok(Path::parse(format!("{PREFIX}/.store/v1/{rest}"))?)
}

/// What a hash record of the second protocol says.
#[derive(Deserialize)]
struct SecondRecord {
    state: RecordState,
    #[serde(rename = "gen")]
    generation: Nonce,
}

/// All objects, by what they are.
#[derive(Debug, Default)]
pub(crate) struct Beneath {
    /// `{name}/{generation}` of a blob. The name is the hash, or a keyed one.
    pub(crate) blobs: BTreeSet<String>,
    /// Records that promise bytes: `{name}/{generation}`.
    pub(crate) promised: BTreeSet<String>,
    /// Records of bytes that are gone.
    pub(crate) dead: u64,
    /// `{name}/{generation}/{reference}` of markers.
    pub(crate) markers: BTreeSet<String>,
    /// Sidecars and media outside of the internal names.
    pub(crate) outer: BTreeSet<String>,
    /// Objects of stores that were killed while they were being opened. No sweep may tell them from
    /// those of one that is being opened now.
    pub(crate) probes: u64,
    /// Tombstones of markers and sidecars.
    pub(crate) tombstones: u64,
    /// Hints of expiry, and what should not be there.
    pub(crate) others: BTreeSet<String>,
}

impl Beneath {
    pub(crate) async fn look(bucket: &AmazonS3) -> Result<Self> {
        let mut beneath = Self::default();
        let prefix = Path::parse(PREFIX)?;
        let own = format!("{PREFIX}/.store/");
        let mut all = bucket.list(Some(&prefix));
        while let Some(meta) = all.try_next().await? {
            let name = meta.location.as_ref();
            let parts = name.strip_prefix(&own).map(|rest| rest.split_once('/'));
            let (second, rest) = match parts {
                None if [0, RETIRED_SIDECAR].contains(&meta.size) => {
                    beneath.tombstones += 1;
                    continue;
                }
                None => {
                    beneath.outer.insert(name.to_owned());
                    continue;
                }
                // The description of the store.
                Some(None) => continue,
                Some(Some((version, rest))) => (version == "v2", rest),
            };
            let (kind, rest) = rest.split_once('/').unwrap_or((rest, ""));
            // Names of the second protocol are divided by their first digit.
            let rest = match kind {
                "blob" | "ref" | "rec" if second => {
                    rest.split_once('/').map_or("", |(_, rest)| rest)
                }
                _ => rest,
            };
            match kind {
                "blob" => drop(beneath.blobs.insert(rest.to_owned())),
                "ref" if second && [0, RETIRED_MARKER].contains(&meta.size) => {
                    beneath.tombstones += 1;
                }
                "ref" => drop(beneath.markers.insert(rest.to_owned())),
                "rec" => {
                    let json = bucket.get(&meta.location).await?.bytes().await?;
                    let (state, generation) = if second {
                        let record: SecondRecord = serde_json::from_slice(&json)?;
                        (record.state, record.generation)
                    } else {
                        let record = Record::from_json(&json)?;
                        (record.state, record.generation)
                    };
                    match state {
                        RecordState::Dead => beneath.dead += 1,
                        _ => drop(beneath.promised.insert(format!("{rest}/{generation}"))),
                    }
                }
                "probe" => beneath.probes += 1,
                // They stay as long as the bucket.
                "layout" | "key" | "user-complete" => {}
                _ => drop(beneath.others.insert(name.to_owned())),
            }
        }
        Ok(beneath)
    }
}
