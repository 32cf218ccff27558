//! The bytes of media in an encoding, read while they are sent.

use bytes::{Bytes, BytesMut};
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use media_loader::MediaLoader;
use media_types::{MediaContent, MediaSource, Mime, base64};

use super::encoding::Encoding;
use super::send_error::{MediaSendError, MediaSendErrorKind};
use crate::pcm::{PcmFormat, WAV_HEADER};

pub(super) type Chunks = BoxStream<'static, Result<Bytes, MediaSendError>>;

/// What a media item is by its plan.
pub(super) struct Planned {
    pub(super) index: usize,
    pub(super) mime: Mime,
    pub(super) size: u64,
    /// The format of raw audio that becomes a WAV file of this size.
    pub(super) wrapped: Option<PcmFormat>,
}

impl Planned {
    fn check(&self, mime: &Mime, size: Option<u64>) -> Result<(), MediaSendError> {
        let kind = match size {
            Some(size) if size != self.size => MediaSendErrorKind::Resized {
                planned: self.size,
                found: size,
            },
            _ if *mime != self.mime => MediaSendErrorKind::Retyped {
                found: mime.clone(),
            },
            _ => return Ok(()),
        };
        Err(MediaSendError::new(self.index, kind))
    }
}

/// The bytes of media in an encoding, exactly as many as were planned, or an error as the last item.
pub(super) fn encoded(
    loader: &MediaLoader,
    content: &MediaContent,
    planned: Planned,
    encoding: Encoding,
) -> Chunks {
    let (loader, content) = (loader.clone(), content.clone());
    let opened = async move {
        if let Some(format) = planned.wrapped {
            let file = wav(&loader, &content, planned, format).await?;
            return Ok(match encoding {
                Encoding::Plain => file,
                Encoding::Base64 => encode(file),
                Encoding::Base64Url => encode(file).map_ok(url_safe).boxed(),
            });
        }
        match encoding {
            Encoding::Base64 => base64_text(&loader, &content, planned).await,
            Encoding::Base64Url => {
                let text = base64_text(&loader, &content, planned).await?;
                Ok(text.map_ok(url_safe).boxed())
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
) -> Result<Chunks, MediaSendError> {
    if matches!(content.source(), MediaSource::Url(_)) {
        // A server may not state the size again; the plan knows it.
        return Ok(encode(plain(loader, content, planned).await?));
    }
    let index = planned.index;
    let text = loader.base64_stream(content).await;
    let text = text.map_err(|error| MediaSendError::from_load(index, error))?;
    planned.check(text.mime(), Some(text.media_size()))?;
    Ok(text
        .map_err(move |error| MediaSendError::from_load(index, error))
        .boxed())
}

/// Raw audio as a WAV file.
async fn wav(
    loader: &MediaLoader,
    content: &MediaContent,
    planned: Planned,
    format: PcmFormat,
) -> Result<Chunks, MediaSendError> {
    let size = planned.size.saturating_sub(WAV_HEADER);
    let header = Bytes::copy_from_slice(&format.wav_header(size));
    let raw = Planned {
        mime: content.mime().clone(),
        size,
        ..planned
    };
    let audio = plain(loader, content, raw).await?;
    Ok(stream::iter([Ok(header)]).chain(audio).boxed())
}

/// Encodes while it is read.
fn encode(bytes: Chunks) -> Chunks {
    let state = Some((bytes, base64::Encoder::new()));
    let text = stream::try_unfold(state, |state| async move {
        let Some((mut bytes, mut encoder)) = state else {
            return Ok(None);
        };
        let mut text = Vec::new();
        let left = match bytes.try_next().await? {
            Some(chunk) => {
                encoder.push(&chunk, &mut text);
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

/// The same text in the URL-safe alphabet.
fn url_safe(text: Bytes) -> Bytes {
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
) -> Result<Chunks, MediaSendError> {
    let index = planned.index;
    let media = loader.open(content).await;
    let media = media.map_err(|error| MediaSendError::from_load(index, error))?;
    planned.check(&media.mime, media.size)?;
    let size = planned.size;
    let counted = stream::try_unfold((media.body.into_stream(), 0_u64), move |state| async move {
        let (mut body, before) = state;
        let chunk = body.try_next().await;
        let chunk = chunk.map_err(|error| MediaSendError::from_body(index, error))?;
        let found = before + chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if found > size || chunk.is_none() && found < size {
            let planned = size;
            let kind = MediaSendErrorKind::Resized { planned, found };
            return Err(MediaSendError::new(index, kind));
        }
        Ok(chunk.map(|chunk| (chunk, (body, found))))
    });
    Ok(counted.boxed())
}
