//! Reading the start of a body, and limiting its size.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use media_storage::{BodyData, MediaBody, Operation, StorageError, StorageErrorKind};
use media_types::SNIFF_LEN;

/// Returns the first bytes of a body, enough to detect its type, and the whole body.
pub(crate) async fn peek(body: MediaBody) -> Result<(Bytes, MediaBody), StorageError> {
    let len = body.len();
    let mut rest = match body.into_data() {
        BodyData::Bytes(bytes) => {
            let head = bytes.slice(..bytes.len().min(SNIFF_LEN));
            return Ok((head, MediaBody::from_bytes(bytes)));
        }
        BodyData::Base64(text) => MediaBody::from_base64(text).into_stream(),
        BodyData::Stream { stream, .. } => stream,
        other => {
            let form = format!("this kind of body is not supported: {other:?}");
            return Err(
                StorageError::new(StorageErrorKind::Unsupported, Operation::Retrieve)
                    .with_reason(form),
            );
        }
    };
    let mut taken: Vec<Bytes> = Vec::new();
    let mut head = BytesMut::new();
    while head.len() < SNIFF_LEN {
        let Some(piece) = rest.next().await else {
            break;
        };
        let piece = piece?;
        let room = SNIFF_LEN - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
        taken.push(piece);
    }
    let whole = stream::iter(taken.into_iter().map(Ok)).chain(rest);
    Ok((head.freeze(), MediaBody::from_stream(len, whole)))
}

/// Returns a body that fails with `TooLarge` at the first byte above the limit, whatever length it
/// declares.
pub(crate) fn limited(body: MediaBody, limit: u64) -> Result<MediaBody, StorageError> {
    let too_large = move || {
        StorageError::new(StorageErrorKind::TooLarge, Operation::Retrieve)
            .with_reason(format!("the media exceeds the limit of {limit} bytes"))
    };
    let len = body.len();
    if len.is_some_and(|len| len > limit) {
        return Err(too_large());
    }
    let stream = match body.into_data() {
        BodyData::Bytes(bytes) => return Ok(MediaBody::from_bytes(bytes)),
        BodyData::Stream { stream, .. } => stream,
        BodyData::Base64(text) => MediaBody::from_base64(text).into_stream(),
        _ => return Err(too_large()),
    };
    let mut seen = 0_u64;
    let stream = stream.map(move |piece| {
        let piece = piece?;
        seen += piece.len() as u64;
        if seen > limit {
            Err(too_large())
        } else {
            Ok(piece)
        }
    });
    Ok(MediaBody::from_stream(len, stream))
}
