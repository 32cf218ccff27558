//! Finding and making a rendition.

use bytes::Bytes;
use chrono::Utc;
use media_storage::{
    DeleteOptions, Entry, ImportUpload, MediaBody, MediaStorage, MediaUpload, RetrieveOptions,
    Scope, Sha256Hasher, StorageError, StorageErrorKind, StoredMedia,
};
use media_types::{MediaContent, StorageReference};

use super::child::{Child, Original, child_metadata, profile_key};
use super::error::RenditionError;
use super::flights::Flights;
use super::slots::{MAX_RENDITIONS, listed, look, slots};
use super::stored::OpenImage;
use crate::profile::Profile;
use crate::render::{FitOutcome, FittedImage};
use crate::workers::ImageWorkers;

/// What renditions are made with.
pub(super) struct Maker<'a, S> {
    pub(super) store: &'a S,
    pub(super) workers: &'a ImageWorkers,
    pub(super) flights: &'a Flights,
}

impl<S: MediaStorage> Maker<'_, S> {
    /// Finds or makes the rendition of an original by a profile.
    pub(super) async fn rendition(
        &self,
        original: &StorageReference,
        profile: &Profile,
        expected_scope: Option<&Scope>,
    ) -> Result<MediaContent, RenditionError> {
        let head = Original::from(self.open(original, expected_scope, true).await?);
        let (parent, key) = (original.id(), profile_key(profile));
        if let Some(child) = self.find(parent, &key, &head).await?.found {
            return Ok(child.content());
        }
        let _alone = self.flights.enter(parent).await;
        let places = self.find(parent, &key, &head).await?;
        if let Some(child) = places.found {
            return Ok(child.content());
        }
        let opening = self.open(original, expected_scope, false);
        let image = OpenImage::open(self.workers, opening).await?;
        let mime = image.mime.clone();
        let fitted = image.fit(profile.clone()).await?;
        if fitted.outcome == FitOutcome::Unchanged {
            let content = MediaContent::from_reference(mime, original.clone());
            return Ok(content.with_width(fitted.width).with_height(fitted.height));
        }
        let stored = self.keep(parent, &key, &head, &fitted, places.free).await?;
        let Some(child) = stored else {
            return Ok(inline(fitted));
        };
        // The original may have been deleted or given to others in the meantime, before there was a child that
        // would have gone with it.
        let now = self.open(original, expected_scope, true).await;
        let now = now.map(Original::from);
        if now.as_ref().is_ok_and(|now| *now == head) {
            return Ok(child.content());
        }
        let options = DeleteOptions::new();
        let deleted = self.store.delete_opts(&child.reference, options).await;
        now?;
        deleted?;
        Ok(inline(fitted))
    }

    async fn open(
        &self,
        original: &StorageReference,
        expected_scope: Option<&Scope>,
        head: bool,
    ) -> Result<StoredMedia, StorageError> {
        let mut options = RetrieveOptions::new();
        if head {
            options = options.with_head();
        }
        if let Some(scope) = expected_scope {
            options = options.with_expected_scope(scope.clone());
        }
        self.store.retrieve_opts(original, options).await
    }

    async fn find(
        &self,
        parent: &str,
        key: &str,
        original: &Original,
    ) -> Result<Places, StorageError> {
        let mut places = Places::default();
        let slots = slots(self.store, parent);
        if slots.is_empty() {
            let children = listed(self.store, parent, &original.metadata).await?;
            let can_list = self.store.inventory().is_some();
            if can_list && children.len() < MAX_RENDITIONS {
                places.free.push(Place::Anywhere);
            }
            places.found = children
                .into_iter()
                .find(|child| child.is_of(parent, key, original));
            return Ok(places);
        }
        for slot in slots {
            match look(self.store, &slot).await? {
                Some(child) if child.is_of(parent, key, original) => {
                    places.found = Some(child);
                    return Ok(places);
                }
                Some(_) => {}
                None => {
                    places.free.push(Place::Slot(slot));
                }
            }
        }
        Ok(places)
    }

    /// Stores a rendition, if there is a place for it.
    async fn keep(
        &self,
        parent: &str,
        key: &str,
        original: &Original,
        fitted: &FittedImage,
        places: Vec<Place>,
    ) -> Result<Option<Child>, StorageError> {
        let metadata = child_metadata(original, parent, fitted, key);
        let mime = fitted.format.mime();
        let child = |reference| Child {
            reference,
            mime: mime.clone(),
            metadata: metadata.clone(),
        };
        for place in places {
            let slot = match place {
                Place::Slot(slot) => slot,
                Place::Anywhere => {
                    let bytes = fitted.bytes.clone();
                    let upload = MediaUpload::new(mime.clone(), bytes, metadata.clone());
                    return optional(self.store.store(upload).await.map(child));
                }
            };
            let Some(importer) = self.store.importer() else {
                return Ok(None);
            };
            let upload = import_of(&slot, &child(slot.clone()), original, &fitted.bytes);
            match importer.import(upload).await {
                Ok(imported) => return Ok(Some(child(imported.reference))),
                // Another process was first, or the store keeps the name of what was deleted.
                Err(error) if error.kind() == StorageErrorKind::InvalidInput => {
                    if let Some(there) = look(self.store, &slot).await? {
                        return Ok(Some(there).filter(|child| child.is_of(parent, key, original)));
                    }
                }
                error => return optional(error.map(|_| child(slot))),
            }
        }
        Ok(None)
    }
}

fn inline(fitted: FittedImage) -> MediaContent {
    let content = MediaContent::from_bytes(fitted.format.mime(), fitted.bytes);
    content.with_width(fitted.width).with_height(fitted.height)
}

/// What became of a rendition that need not be stored: a store that takes no more does not fail it.
fn optional(stored: Result<Child, StorageError>) -> Result<Option<Child>, StorageError> {
    use StorageErrorKind::{DiskSpace, InvalidInput, Permission, QuotaExceeded, TooLarge};
    match stored {
        Ok(child) => Ok(Some(child)),
        Err(error)
            if matches!(
                error.kind(),
                DiskSpace | InvalidInput | Permission | QuotaExceeded | TooLarge
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn import_of(
    slot: &StorageReference,
    child: &Child,
    original: &Original,
    bytes: &Bytes,
) -> ImportUpload {
    let reference = slot
        .to_builder()
        .with_size(bytes.len() as u64)
        .with_sha256(Sha256Hasher::digest(bytes))
        .build()
        .unwrap_or_else(|_| slot.clone());
    let stored_at = original.stored_at.unwrap_or_else(Utc::now);
    let entry = Entry::new(
        reference,
        child.mime.clone(),
        child.metadata.clone(),
        stored_at,
    );
    let entry = entry.with_expires_at(original.expires_at);
    ImportUpload::new(entry, MediaBody::from_bytes(bytes.clone()))
}

/// Where a rendition is, or could go.
#[derive(Debug, Default)]
struct Places {
    found: Option<Child>,
    /// The places that are free as far as can be seen, the first one first.
    free: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    Slot(StorageReference),
    Anywhere,
}
