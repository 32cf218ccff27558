//! Collectors that are broken on purpose, each in one way that only shows when operations race. They
//! work on the bucket directly; everything else is the store.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use media_store_object::protocol::{Nonce, Record, RecordState};
use media_types::Sha256;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};

use crate::run::beneath::internal;
use crate::run::client::beneath;
use crate::run::services::Access;
use crate::run::{Result, Variant};

const PAUSE: Duration = Duration::from_millis(40);

#[derive(Debug)]
pub(crate) struct Broken {
    variant: Variant,
    bucket: AmazonS3,
}

impl Broken {
    /// The collector of a variant, if that has one of its own.
    pub(crate) fn new(variant: Variant, access: &Access) -> Result<Option<Self>> {
        if variant == Variant::Sound {
            return Ok(None);
        }
        let bucket = beneath(access)?;
        Ok(Some(Self { variant, bucket }))
    }

    /// Removes the bytes of all hashes that have no marker.
    pub(crate) async fn collect(&self) -> Result<()> {
        let records: Vec<_> = self
            .bucket
            .list(Some(&internal("rec")?))
            .try_collect()
            .await?;
        for record in records {
            self.collect_one(&record.location).await?;
        }
        Ok(())
    }

    /// Removes the bytes of a hash if it has no marker.
    pub(crate) async fn collect_hash(&self, sha256: Sha256) -> Result<()> {
        self.collect_one(&internal(&format!("rec/{sha256}"))?).await
    }

    async fn collect_one(&self, key: &Path) -> Result<()> {
        let read = self.bucket.get(key).await?;
        let version = UpdateVersion {
            e_tag: read.meta.e_tag.clone(),
            version: read.meta.version.clone(),
        };
        let record = Record::from_json(&read.bytes().await?)?;
        let sha256 = key.filename().unwrap_or_default();
        let below = format!("{sha256}/{}", record.generation);
        if record.state == RecordState::Dead {
            return Ok(());
        }
        let markers = internal(&format!("ref/{below}"))?;
        if self.bucket.list(Some(&markers)).try_next().await?.is_some() {
            return Ok(());
        }
        // The defect of both: who comes between the listing and what follows is not seen. Any process
        // may stop there for a while.
        tokio::time::sleep(PAUSE).await;
        let blob = internal(&format!("blob/{below}"))?;
        if self.variant == Variant::ListThenDelete {
            self.bucket.delete(&blob).await?;
        }
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)?;
        let mut dead = record;
        dead.state = RecordState::Dead;
        dead.nonce = Nonce::new(u128::from_le_bytes(nonce));
        let mode = PutOptions::from(PutMode::Update(version));
        self.bucket
            .put_opts(key, dead.to_json().into(), mode)
            .await?;
        self.bucket.delete(&blob).await?;
        Ok(())
    }
}
