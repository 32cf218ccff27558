//! What the loader gives, in terms of a request.

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use media_loader::{LoadError, LoadErrorKind, MediaLoader};
use media_storage::StorageErrorKind;
use media_types::{MediaContent, MediaSource, Mime, base64};

use crate::provider::note::NoteCause;

/// Media that is there.
pub(super) struct Found {
    pub(super) mime: Mime,
    pub(super) size: u64,
    /// Set where the bytes had to be fetched to know their size.
    pub(super) fetched: Option<MediaContent>,
}

/// Media that is not to be had, in words for a model.
pub(super) struct Missing {
    pub(super) cause: NoteCause,
    pub(super) reason: &'static str,
}

/// Opens media for a look at its type and size, and lets go of it again. Media of unknown size is
/// fetched, within the loader's limit.
pub(super) async fn look_up(
    loader: &MediaLoader,
    content: &MediaContent,
) -> Result<Found, Missing> {
    let media = loader.open(content).await.map_err(|e| missing(&e))?;
    match (media.size, content.source()) {
        (Some(size), MediaSource::Inline(_) | MediaSource::Stored(_) | MediaSource::File(_)) => {
            Ok(Found {
                mime: media.mime,
                size,
                fetched: None,
            })
        }
        // What is fetched from afar is fetched once.
        _ => {
            let bytes = media.body.bytes(loader.max_bytes()).await;
            let bytes = bytes.map_err(|error| match error.kind() {
                StorageErrorKind::TooLarge => TOO_LARGE,
                _ => UNREADABLE,
            })?;
            Ok(Found {
                mime: media.mime,
                size: bytes.len() as u64,
                fetched: Some(content.clone().with_source(MediaSource::Inline(bytes))),
            })
        }
    }
}

const TOO_LARGE: Missing = Missing {
    cause: NoteCause::TooLarge,
    reason: "it is too large",
};

const UNREADABLE: Missing = Missing {
    cause: NoteCause::Unavailable,
    reason: "it cannot be read now",
};

fn missing(error: &LoadError) -> Missing {
    use LoadErrorKind as K;
    let unavailable = |reason| Missing {
        cause: NoteCause::Unavailable,
        reason,
    };
    match error.kind() {
        K::TooLarge { .. } => TOO_LARGE,
        K::MimeMismatch { .. } => Missing {
            cause: NoteCause::Unsupported,
            reason: "its bytes are not of the type that it claims",
        },
        K::Storage(StorageErrorKind::Corrupted) => unavailable("it is damaged"),
        K::Storage(StorageErrorKind::Unavailable) | K::File => UNREADABLE,
        K::Storage(_) | K::FileNotFound => unavailable("it is no longer available"),
        K::FileDenied | K::NotRegularFile => unavailable("the file may not be read"),
        K::NoStorage | K::UnknownBackend => unavailable("its storage is not at hand"),
        K::UrlNotSupported => unavailable("its address cannot be fetched"),
        _ => unavailable("it cannot be read"),
    }
}

type Piece = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The base64 of media that was found to have `size` bytes.
pub(super) fn base64(
    loader: &MediaLoader,
    content: &MediaContent,
    size: u64,
) -> BoxStream<'static, Piece> {
    let (loader, content) = (loader.clone(), content.clone());
    let text = async move {
        let text = loader.base64_stream(&content).await?;
        if text.len() != base64::encoded_len(size) {
            return Err("the size of the media has changed".into());
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(text.map_err(Into::into))
    };
    stream::once(text).try_flatten().boxed()
}
