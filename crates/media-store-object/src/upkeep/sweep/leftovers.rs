//! The walk of a full sweep: expired references, sidecars and media without each other, missing
//! hints.

use futures_util::stream::{StreamExt as _, TryStreamExt};
use media_storage::StorageError;

use super::super::name_filter::NameFilter;
use super::super::walk::{
    ListedReference, OwnObject, ReadItem, ReadReference, WalkItem, read_all, walk,
};
use super::state::{CONCURRENCY, Cause, Mode, Sweep};
use crate::bucket::MediaKey;
use crate::reference::expiry;
use crate::reference::flags::SidecarFlags;
use crate::reference::sidecar::{ByteLocation, Descriptor};
use crate::reference::tombstone::Tombstone;

/// Whether an item of a walk is certainly not of the second protocol, whose own sweep examines the
/// rest.
fn is_first(item: &WalkItem) -> bool {
    match item {
        WalkItem::Reference(listed) => SidecarFlags::of_size(listed.size).is_none(),
        WalkItem::MediaOnly(_) | WalkItem::Tombstone(_) => false,
    }
}

/// State of a reference.
enum Finding {
    Due(MediaKey, Descriptor),
    Orphan(MediaKey, Descriptor),
    /// The sidecar claims to have been stored in the future.
    Future,
    /// The reference expires and has no hint.
    Unhinted(MediaKey, Descriptor),
    Sound,
}

impl Sweep<'_> {
    /// Walks over all sidecars and media. Returns the tokens of the references with a sidecar.
    pub(super) async fn walk(&mut self) -> Result<NameFilter, StorageError> {
        let keys = &self.shared.keys;
        let markers = self.tokens_below(&keys.all_markers()?).await?;
        let hints = self.tokens_below(&keys.expiry()?).await?;
        let mut sidecars = NameFilter::new();
        let second = keys.second().is_some();
        let items = walk(&self.bucket, keys, keys.prefix());
        let items = items
            .try_filter(move |item| std::future::ready(!second || is_first(item)))
            .boxed();
        let mut items = read_all(&self.bucket, keys, items);
        let mut due = Vec::new();
        while let Some(item) = items.try_next().await? {
            match item {
                ReadItem::MediaOnly(own) => self.media_only(own).await?,
                ReadItem::Reference(read) => {
                    sidecars.insert(read.listed.key.token());
                    match self.examine(*read, &markers, &hints).await {
                        Ok(Finding::Due(key, descriptor)) => due.push((key, descriptor)),
                        Ok(finding) => self.act(finding).await?,
                        Err(error) => self.failures.failed(error)?,
                    }
                }
            }
            if due.len() >= CONCURRENCY {
                self.delete(std::mem::take(&mut due), Cause::Expired)
                    .await?;
            }
        }
        self.delete(due, Cause::Expired).await?;
        Ok(sidecars)
    }

    /// Returns the tokens of the objects below a prefix. Costs a listing.
    async fn tokens_below(
        &self,
        prefix: &object_store::path::Path,
    ) -> Result<NameFilter, StorageError> {
        let mut tokens = NameFilter::new();
        let mut listed = self.bucket.list(prefix, None);
        while let Some(meta) = listed.try_next().await? {
            if let Some(token) = meta.location.filename() {
                tokens.insert(token);
            }
        }
        Ok(tokens)
    }

    async fn examine(
        &self,
        read: ReadReference,
        markers: &NameFilter,
        hints: &NameFilter,
    ) -> Result<Finding, StorageError> {
        let ReadReference { listed, descriptor } = read;
        let Some(descriptor) = descriptor? else {
            return Ok(Finding::Sound);
        };
        let token = listed.key.token();
        if self.is_settled(listed.modified) && self.is_orphan(&listed, &descriptor, markers).await?
        {
            return Ok(Finding::Orphan(listed.key, descriptor));
        }
        let sidecar = &descriptor.sidecar;
        Ok(if sidecar.stored_at > self.now {
            Finding::Future
        } else if sidecar.is_expired(self.now) {
            Finding::Due(listed.key, descriptor)
        } else if sidecar.expires_at.is_some() && !hints.may_contain(token) {
            Finding::Unhinted(listed.key, descriptor)
        } else {
            Finding::Sound
        })
    }

    /// Whether the media or the marker that a sidecar describes is missing.
    async fn is_orphan(
        &self,
        listed: &ListedReference,
        descriptor: &Descriptor,
        markers: &NameFilter,
    ) -> Result<bool, StorageError> {
        let keys = &self.shared.keys;
        let object = match descriptor.location {
            ByteLocation::Own if listed.own.is_some() => return Ok(false),
            ByteLocation::Own => keys.media(&listed.key)?,
            ByteLocation::Shared(generation) => {
                let sha256 = descriptor.sidecar.sha256;
                if self.fenced.contains(&(sha256, generation)) {
                    return Ok(true);
                }
                if markers.may_contain(listed.key.token()) {
                    return Ok(false);
                }
                keys.marker(sha256, generation, listed.key.token())?
            }
        };
        Ok(self.bucket.head(&object).await?.is_none())
    }

    async fn act(&mut self, finding: Finding) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        match finding {
            Finding::Orphan(key, descriptor) => {
                self.report.orphans += 1;
                if self.mode == Mode::Remove {
                    let removed = async {
                        let expires_at = descriptor.sidecar.expires_at;
                        expiry::delete_hint(&self.bucket, keys, &key, expires_at).await?;
                        self.bucket.delete(&keys.sidecar(&key)?).await
                    };
                    match removed.await {
                        Ok(()) => self.failures.succeeded(),
                        Err(error) => {
                            self.report.orphans -= 1;
                            self.failures.failed(error)?;
                        }
                    }
                }
            }
            Finding::Unhinted(key, descriptor) => {
                if self.mode == Mode::Remove {
                    let expires_at = descriptor.sidecar.expires_at;
                    let noted = expiry::write_hint(&self.bucket, keys, &key, expires_at).await;
                    match noted {
                        Ok(()) => self.failures.succeeded(),
                        Err(error) => self.failures.failed(error)?,
                    }
                }
            }
            Finding::Future => self.report.future += 1,
            Finding::Due(..) | Finding::Sound => self.failures.succeeded(),
        }
        Ok(())
    }

    /// Removes media without a sidecar: the leftover of an interrupted upload or deletion.
    pub(super) async fn media_only(&mut self, own: OwnObject) -> Result<(), StorageError> {
        if !self.is_settled(own.modified) {
            return Ok(());
        }
        let keys = &self.shared.keys;
        let removed = async {
            let beside = self.bucket.head(&keys.sidecar(&own.key)?).await?;
            // A tombstone does not count as a sidecar.
            if beside.is_some_and(|meta| {
                Tombstone::of_size(meta.size).is_none() || keys.second().is_none()
            }) {
                return Ok(false);
            }
            if self.mode == Mode::Remove {
                self.bucket.delete(&keys.media(&own.key)?).await?;
            }
            Ok::<_, StorageError>(true)
        };
        match removed.await {
            Ok(true) => {
                self.failures.succeeded();
                self.report.staging += 1;
                self.report.freed_bytes += own.size;
            }
            Ok(false) => self.failures.succeeded(),
            Err(error) => self.failures.failed(error)?,
        }
        Ok(())
    }
}
