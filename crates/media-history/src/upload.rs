//! Storing one value.

use bytes::Bytes;
use media_storage::{
    MediaBody, MediaMetadata, MediaStorage, MediaUpload, RetrieveOptions, Sha256Hasher,
};
use media_types::{Mime, Sha256, StorageReference};
use std::sync::Arc;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::extract::Value;
use crate::known::{Glance, Known};
use crate::placeholder::MAX_PLACEHOLDER_LEN;
use crate::quotes::quote;
use crate::report::{LeftReason, LeftValue, MediaClass};
use crate::settings::{Owner, Settings};
use crate::spool::Spill;
use crate::style::{Style, StyledEncoder};

const OPERATION: HistoryOperation = HistoryOperation::Externalize;

/// Decoded media and how its text is spelled.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) mime: Mime,
    pub(crate) style: Style,
    /// What stands around the placeholder.
    pub(crate) quote: &'static str,
    pub(crate) text_len: u64,
    pub(crate) size: u64,
    /// The bytes before those in memory.
    pub(crate) spill: Option<Spill>,
    pub(crate) tail: Bytes,
}

/// What a report says about a value.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) class: MediaClass,
    pub(crate) document: u64,
    pub(crate) path: String,
}

impl About {
    pub(crate) fn left(self, bytes: u64, reason: LeftReason) -> LeftValue {
        LeftValue {
            document: self.document,
            path: self.path,
            class: self.class,
            bytes,
            reason,
        }
    }
}

/// A value that was stored, or was not.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) id: u64,
    pub(crate) about: About,
    pub(crate) media: Media,
    pub(crate) result: Result<StorageReference, HistoryError>,
}

impl Media {
    pub(crate) fn new(value: Value) -> (About, Self) {
        let mime = value.mime();
        let about = About {
            class: value.class,
            document: value.document,
            path: value.path,
        };
        let finished = value.finished;
        let media = Self {
            mime,
            quote: quote(&finished.style, value.level),
            style: finished.style,
            text_len: finished.text_len,
            size: finished.decoded_len,
            spill: value.spill,
            tail: finished.decoded.into(),
        };
        (about, media)
    }

    /// Some of the bytes, where all are in memory.
    pub(crate) fn glance(&self) -> Option<Glance> {
        self.spill.is_none().then(|| Glance::new(&self.tail))
    }

    async fn sha256(&self) -> Result<Sha256, HistoryError> {
        let mut hasher = Sha256Hasher::new();
        if let Some(spill) = &self.spill {
            let mut at = 0;
            while at < spill.len() {
                let piece = spill.read(at).await?;
                hasher.update(&piece);
                at += piece.len() as u64;
            }
        }
        hasher.update(&self.tail);
        Ok(hasher.finish())
    }

    /// Looks for a reference to the same bytes that still resolves.
    pub(crate) async fn known(
        &self,
        known: &mut Known,
        settings: &Settings,
        owner: &Owner,
    ) -> Result<Option<StorageReference>, HistoryError> {
        if !known.may_have(self.size, self.glance()) {
            return Ok(None);
        }
        let sha256 = self.sha256().await?;
        let Some(reference) = known.get(self.size, sha256).cloned() else {
            return Ok(None);
        };
        let options = RetrieveOptions::new()
            .with_expected_scope(owner.scope.clone())
            .with_head();
        let found = match settings.store_of(&reference, OPERATION) {
            Ok(store) => store.retrieve_opts(&reference, options).await,
            Err(error) => return Err(error),
        };
        match found.map_err(|error| HistoryError::storage(OPERATION, error)) {
            Ok(_) => Ok(Some(reference)),
            // What is gone is stored anew.
            Err(error) if error.kind() == HistoryErrorKind::Missing => {
                known.remove(self.size, sha256);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The text that it stands for, where all of it is in memory.
    pub(crate) fn text(&self) -> Vec<u8> {
        let (mut encoder, mut text) = (StyledEncoder::new(self.style.clone()), Vec::new());
        encoder.push(&self.tail, &mut text);
        encoder.finish(&mut text);
        text
    }

    /// Stores the media. What is returned has its bytes only where its text may be shorter than a
    /// placeholder.
    pub(crate) async fn store(
        self,
        id: u64,
        about: About,
        store: Arc<dyn MediaStorage>,
        metadata: MediaMetadata,
    ) -> Uploaded {
        let is_short = self.text_len <= MAX_PLACEHOLDER_LEN as u64;
        let media = Self {
            mime: self.mime.clone(),
            style: self.style,
            spill: None,
            tail: match is_short {
                true => self.tail.clone(),
                false => Bytes::new(),
            },
            ..self
        };
        let body = match self.spill {
            None => MediaBody::from_bytes(self.tail),
            Some(spill) => MediaBody::from_stream(Some(self.size), spill.into_stream(self.tail)),
        };
        let upload = MediaUpload::new(self.mime, body, metadata);
        let stored = store.store(upload).await;
        let result = match stored.map_err(|error| HistoryError::storage(OPERATION, error)) {
            Ok(reference) if reference.size() != Some(self.size) => {
                Err(HistoryError::new(HistoryErrorKind::Corrupted, OPERATION)
                    .with_reason("the store returned a reference of another size")
                    .with_reference(reference))
            }
            result => result,
        };
        Uploaded {
            id,
            about,
            media,
            result,
        }
    }
}
