//! The walk of a full sweep: what has expired, sidecars and media without each other, hints that
//! are missing.

use futures_util::stream::TryStreamExt;
use media_storage::StorageError;

use super::{AT_ONCE, Cause, Mode, Sweep};
use crate::expiry;
use crate::keys::MediaKey;
use crate::seen::Seen;
use crate::sidecar::{Described, Place};
use crate::walk::{self, Own, Read, Reference, read_all};

/// What a look at a reference calls for.
enum Finding {
    Due(MediaKey, Described),
    Orphan(MediaKey, Described),
    Future,
    /// It expires, and no hint tells.
    Unhinted(MediaKey, Described),
    Fine,
}

impl Sweep<'_> {
    /// Walks over all sidecars and media; returns which references have a sidecar.
    pub(super) async fn walk(&mut self) -> Result<Seen, StorageError> {
        let keys = &self.shared.keys;
        let markers = self.seen_below(&keys.all_markers()?).await?;
        let hints = self.seen_below(&keys.expiry()?).await?;
        let mut sidecars = Seen::new();
        let walked = walk::walk(&self.bucket, keys, keys.prefix());
        let mut all = read_all(&self.bucket, keys, walked);
        let mut due = Vec::new();
        while let Some(seen) = all.try_next().await? {
            match seen {
                walk::Seen::Alone(own) => self.alone(own).await,
                walk::Seen::Read(read) => {
                    sidecars.insert(read.reference.key.unique());
                    match self.find(*read, &markers, &hints).await {
                        Ok(Finding::Due(key, described)) => due.push((key, described)),
                        Ok(finding) => self.act(finding).await,
                        Err(error) => self.failed(&error),
                    }
                }
            }
            if due.len() >= AT_ONCE {
                self.delete(std::mem::take(&mut due), Cause::Expired).await;
            }
        }
        self.delete(due, Cause::Expired).await;
        Ok(sidecars)
    }

    /// Which references have a marker or a hint. Costs a listing.
    async fn seen_below(&self, prefix: &object_store::path::Path) -> Result<Seen, StorageError> {
        let mut seen = Seen::new();
        let mut listed = self.bucket.list(prefix, None);
        while let Some(meta) = listed.try_next().await? {
            if let Some(unique) = meta.location.filename() {
                seen.insert(unique);
            }
        }
        Ok(seen)
    }

    async fn find(
        &self,
        read: Read,
        markers: &Seen,
        hints: &Seen,
    ) -> Result<Finding, StorageError> {
        let Read {
            reference,
            described,
        } = read;
        let Some(described) = described? else {
            return Ok(Finding::Fine);
        };
        let unique = reference.key.unique();
        if self.is_settled(reference.modified)
            && self.is_orphan(&reference, &described, markers).await?
        {
            return Ok(Finding::Orphan(reference.key, described));
        }
        let sidecar = &described.sidecar;
        Ok(if sidecar.stored_at > self.now {
            Finding::Future
        } else if sidecar.is_expired(self.now) {
            Finding::Due(reference.key, described)
        } else if sidecar.expires_at.is_some() && !hints.may_contain(unique) {
            Finding::Unhinted(reference.key, described)
        } else {
            Finding::Fine
        })
    }

    /// Whether a sidecar describes nothing that is there.
    async fn is_orphan(
        &self,
        reference: &Reference,
        described: &Described,
        markers: &Seen,
    ) -> Result<bool, StorageError> {
        let keys = &self.shared.keys;
        let truth = match described.place {
            Place::Own if reference.own.is_some() => return Ok(false),
            Place::Own => keys.media(&reference.key)?,
            Place::Shared(generation) => {
                let sha256 = described.sidecar.sha256;
                if self.fenced.contains(&(sha256, generation)) {
                    return Ok(true);
                }
                if markers.may_contain(reference.key.unique()) {
                    return Ok(false);
                }
                keys.marker(sha256, generation, reference.key.unique())?
            }
        };
        Ok(self.bucket.head(&truth).await?.is_none())
    }

    async fn act(&mut self, finding: Finding) {
        let keys = &self.shared.keys;
        match finding {
            Finding::Orphan(key, described) => {
                self.report.orphans += 1;
                if self.mode == Mode::Remove {
                    let removed = async {
                        let expires_at = described.sidecar.expires_at;
                        expiry::forget(&self.bucket, keys, &key, expires_at).await?;
                        self.bucket.delete(&keys.sidecar(&key)?).await
                    };
                    if let Err(error) = removed.await {
                        self.report.orphans -= 1;
                        self.failed(&error);
                    }
                }
            }
            Finding::Unhinted(key, described) => {
                if self.mode == Mode::Remove {
                    let expires_at = described.sidecar.expires_at;
                    let noted = expiry::note(&self.bucket, keys, &key, expires_at).await;
                    if let Err(error) = noted {
                        self.failed(&error);
                    }
                }
            }
            Finding::Future => self.report.future += 1,
            Finding::Due(..) | Finding::Fine => {}
        }
    }

    /// Media without a sidecar is what an interrupted upload or deletion left.
    async fn alone(&mut self, own: Own) {
        if !self.is_settled(own.modified) {
            return;
        }
        let keys = &self.shared.keys;
        let removed = async {
            if self.bucket.head(&keys.sidecar(&own.key)?).await?.is_some() {
                return Ok(false);
            }
            if self.mode == Mode::Remove {
                self.bucket.delete(&keys.media(&own.key)?).await?;
            }
            Ok::<_, StorageError>(true)
        };
        match removed.await {
            Ok(true) => {
                self.report.staging += 1;
                self.report.freed_bytes += own.size;
            }
            Ok(false) => {}
            Err(error) => self.failed(&error),
        }
    }
}
