//! What is in the bucket beneath the store, by its names.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use media_store_object::protocol::{Record, RecordState};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use crate::run::Result;
use crate::run::client::PREFIX;

/// A name of the store's own, as its documentation tells.
pub(crate) fn internal(rest: &str) -> Result<Path> {
    Ok(Path::parse(format!("{PREFIX}/.store/v1/{rest}"))?)
}

/// All objects, by what they are.
#[derive(Debug, Default)]
pub(crate) struct Beneath {
    /// `{sha256}/{generation}` of shared bytes.
    pub(crate) blobs: BTreeSet<String>,
    /// Records that promise bytes: `{sha256}/{generation}`.
    pub(crate) promised: BTreeSet<String>,
    /// Records of bytes that are gone.
    pub(crate) dead: u64,
    /// `{sha256}/{generation}/{reference}` of markers.
    pub(crate) markers: BTreeSet<String>,
    /// Sidecars and media outside of the internal names.
    pub(crate) outer: BTreeSet<String>,
    /// Objects of stores that were killed while they were being opened. No sweep may tell them from
    /// those of one that is being opened now.
    pub(crate) probes: u64,
    /// Hints of expiry, and what should not be there.
    pub(crate) others: BTreeSet<String>,
}

impl Beneath {
    pub(crate) async fn look(bucket: &AmazonS3) -> Result<Self> {
        let mut beneath = Self::default();
        let prefix = Path::parse(PREFIX)?;
        let own = internal("x")?;
        let own = own.as_ref().trim_end_matches('x');
        let mut all = bucket.list(Some(&prefix));
        while let Some(meta) = all.try_next().await? {
            let name = meta.location.as_ref();
            let Some(rest) = name.strip_prefix(own) else {
                beneath.outer.insert(name.to_owned());
                continue;
            };
            let Some((kind, rest)) = rest.split_once('/') else {
                beneath.others.insert(name.to_owned());
                continue;
            };
            match kind {
                "blob" => drop(beneath.blobs.insert(rest.to_owned())),
                "ref" => drop(beneath.markers.insert(rest.to_owned())),
                "rec" => {
                    let json = bucket.get(&meta.location).await?.bytes().await?;
                    let record = Record::from_json(&json)?;
                    match record.state {
                        RecordState::Dead => beneath.dead += 1,
                        _ => {
                            let generation = record.generation;
                            beneath.promised.insert(format!("{rest}/{generation}"));
                        }
                    }
                }
                "probe" => beneath.probes += 1,
                // It stays as long as the bucket.
                "layout" => {}
                _ => drop(beneath.others.insert(name.to_owned())),
            }
        }
        Ok(beneath)
    }
}
