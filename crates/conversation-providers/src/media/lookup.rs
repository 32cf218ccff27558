//! Type, size and presence of media, before a request is written.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use conversation_types::OmissionReason;
use futures_util::stream::StreamExt;
use media_loader::{LoadError, LoadErrorKind, MediaLoader};
use media_storage::StorageErrorKind;
use media_types::{MediaContent, MediaSource, Mime};

/// Media that is there.
pub(super) struct Found {
    pub(super) mime: Mime,
    pub(super) size: u64,
    /// Set where the bytes had to be fetched to know their size.
    pub(super) fetched: Option<MediaContent>,
}

/// Media that cannot be had, with the reason for a model.
pub(super) struct Missing {
    pub(super) reason: OmissionReason,
    pub(super) detail: &'static str,
}

/// Bytes of fetched media that may be kept until they are sent; shared by one request.
#[derive(Clone, Debug)]
pub(super) struct FetchBudget(Arc<AtomicU64>);

impl FetchBudget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn reserve(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    fn release(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

/// Asks for type and size. Media at a URL is fetched for that, within the loader's limit; it is kept
/// where the budget allows it, and fetched again when it is sent where not.
pub(super) async fn look_up(
    loader: &MediaLoader,
    content: &MediaContent,
    budget: &FetchBudget,
) -> Result<Found, Missing> {
    let facts = loader.inspect(content).await.map_err(|e| missing(&e))?;
    if let Some(size) = facts.size {
        return Ok(Found {
            mime: facts.mime,
            size,
            fetched: None,
        });
    }
    let media = loader.open(content).await.map_err(|e| missing(&e))?;
    let mut kept = Some(BytesMut::new());
    let mut size = 0;
    let mut pieces = media.body.into_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| match error.kind() {
            StorageErrorKind::TooLarge => TOO_LARGE,
            _ => UNREADABLE,
        })?;
        let more = piece.len() as u64;
        if kept.is_some() && !budget.reserve(more) {
            kept = None;
            budget.release(size);
        }
        size += more;
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&piece);
        } else if let Some(declared) = media.size {
            // It is read no further than it must be.
            size = declared;
            break;
        }
    }
    let inline = |bytes: BytesMut| MediaSource::Inline(bytes.freeze());
    Ok(Found {
        mime: media.mime,
        size,
        fetched: kept.map(|bytes| content.clone().with_source(inline(bytes))),
    })
}

const TOO_LARGE: Missing = Missing {
    reason: OmissionReason::TooLarge,
    detail: "it is too large",
};

const UNREADABLE: Missing = Missing {
    reason: OmissionReason::Unavailable,
    detail: "it cannot be read now",
};

fn missing(error: &LoadError) -> Missing {
    use LoadErrorKind as K;
    let unavailable = |detail| Missing {
        reason: OmissionReason::Unavailable,
        detail,
    };
    match error.kind() {
        K::TooLarge { .. } => TOO_LARGE,
        K::MimeMismatch { .. } => Missing {
            reason: OmissionReason::Unsupported,
            detail: "its content does not match its type",
        },
        K::Storage(StorageErrorKind::Corrupted) => unavailable("it is damaged"),
        K::Storage(StorageErrorKind::Unavailable | StorageErrorKind::RateLimited) | K::File => {
            UNREADABLE
        }
        K::Storage(_) | K::FileNotFound | K::HttpStatus(404 | 410) => {
            unavailable("it is no longer available")
        }
        K::FileDenied | K::NotRegularFile => unavailable("the file may not be read"),
        K::NoStorage | K::UnknownBackend => unavailable("its storage backend is not configured"),
        K::UrlNotSupported | K::UrlDenied => unavailable("its URL cannot be fetched"),
        _ => unavailable("it cannot be read"),
    }
}
