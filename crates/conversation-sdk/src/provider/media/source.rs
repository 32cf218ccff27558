//! What the loader gives, in terms of a request.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use bytes::{Bytes, BytesMut};
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use media_loader::{LoadError, LoadErrorKind, MediaLoader};
use media_storage::StorageErrorKind;
use media_types::{MediaContent, MediaSource, Mime, base64};

use super::failure::{MediaSendError, MediaSendErrorKind as SendErrorKind};
use crate::provider::note::NoteCause;
use crate::provider::skeleton::Encoding;

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

/// How much of what was fetched for its size may be kept until it is sent, in bytes; shared by the
/// media of one request.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<AtomicU64>);

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

/// Asks for type and size. Media at a URL is fetched for that, within the loader's limit; it is kept
/// where there is room, and fetched again when it is sent where there is none.
pub(super) async fn look_up(
    loader: &MediaLoader,
    content: &MediaContent,
    room: &Room,
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
        if kept.is_some() && !room.take(more) {
            kept = None;
            room.give_back(size);
        }
        size += more;
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&piece);
        } else if let Some(told) = media.size {
            // It is read no further than it must be.
            size = told;
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
        K::Storage(_) | K::FileNotFound | K::HttpStatus(404 | 410) => {
            unavailable("it is no longer available")
        }
        K::FileDenied | K::NotRegularFile => unavailable("the file may not be read"),
        K::NoStorage | K::UnknownBackend => unavailable("its storage is not at hand"),
        K::UrlNotSupported | K::UrlDenied => unavailable("its address cannot be fetched"),
        _ => unavailable("it cannot be read"),
    }
}

/// What a medium is by its plan.
pub(super) struct Planned {
    pub(super) index: usize,
    pub(super) mime: Mime,
    pub(super) size: u64,
}

impl Planned {
    fn check(&self, mime: &Mime, size: Option<u64>) -> Result<(), MediaSendError> {
        let kind = match size {
            Some(size) if size != self.size => SendErrorKind::Resized {
                planned: self.size,
                found: size,
            },
            _ if *mime != self.mime => SendErrorKind::Retyped {
                found: mime.clone(),
            },
            _ => return Ok(()),
        };
        Err(MediaSendError::new(self.index, kind))
    }
}

type Pieces = BoxStream<'static, Result<Bytes, MediaSendError>>;

/// The bytes of media in an encoding, exactly as many as were planned, or an error at their end.
pub(super) fn encoded(
    loader: &MediaLoader,
    content: &MediaContent,
    planned: Planned,
    encoding: Encoding,
) -> Pieces {
    let (loader, content) = (loader.clone(), content.clone());
    let opened = async move {
        match encoding {
            Encoding::Base64 => base64_text(&loader, &content, planned).await,
            Encoding::Base64Url => {
                let text = base64_text(&loader, &content, planned).await?;
                Ok(text.map_ok(for_urls).boxed())
            }
            Encoding::Plain => plain(&loader, &content, planned).await,
        }
    };
    stream::once(opened).try_flatten().boxed()
}

async fn base64_text(
    loader: &MediaLoader,
    content: &MediaContent,
    planned: Planned,
) -> Result<Pieces, MediaSendError> {
    if matches!(content.source(), MediaSource::Url(_)) {
        // A server may not tell the size again; the plan knows it.
        return Ok(text_of(plain(loader, content, planned).await?));
    }
    let index = planned.index;
    let text = loader.base64_stream(content).await;
    let text = text.map_err(|error| MediaSendError::of_load(index, error))?;
    planned.check(text.mime(), Some(text.media_size()))?;
    Ok(text
        .map_err(move |error| MediaSendError::of_load(index, error))
        .boxed())
}

/// Encodes while it is read.
fn text_of(bytes: Pieces) -> Pieces {
    let state = Some((bytes, base64::Encoder::new()));
    let text = stream::try_unfold(state, |state| async move {
        let Some((mut bytes, mut encoder)) = state else {
            return Ok(None);
        };
        let mut text = Vec::new();
        let left = match bytes.try_next().await? {
            Some(piece) => {
                encoder.push(&piece, &mut text);
                Some((bytes, encoder))
            }
            None => {
                encoder.finish(&mut text);
                None
            }
        };
        Ok(Some((Bytes::from(text), left)))
    });
    text.boxed()
}

/// The same text in the alphabet for URLs and file names.
fn for_urls(text: Bytes) -> Bytes {
    // The encoder gives away buffers of its own, so this copies nothing.
    let mut text = BytesMut::from(text);
    for symbol in &mut text[..] {
        *symbol = match *symbol {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
    }
    text.freeze()
}

async fn plain(
    loader: &MediaLoader,
    content: &MediaContent,
    planned: Planned,
) -> Result<Pieces, MediaSendError> {
    let index = planned.index;
    let media = loader.open(content).await;
    let media = media.map_err(|error| MediaSendError::of_load(index, error))?;
    planned.check(&media.mime, media.size)?;
    let size = planned.size;
    let counted = stream::try_unfold((media.body.into_stream(), 0_u64), move |state| async move {
        let (mut body, before) = state;
        let piece = body.try_next().await;
        let piece = piece.map_err(|error| MediaSendError::of_body(index, error))?;
        let found = before + piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if found > size || piece.is_none() && found < size {
            let planned = size;
            let kind = SendErrorKind::Resized { planned, found };
            return Err(MediaSendError::new(index, kind));
        }
        Ok(piece.map(|piece| (piece, (body, found))))
    });
    Ok(counted.boxed())
}
