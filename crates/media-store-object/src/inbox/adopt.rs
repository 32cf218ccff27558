//! Making media of an upload.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use media_storage::{
    MediaBody, MediaMetadata, MediaUpload, Operation, StorageError, StorageErrorKind,
};
use media_types::readable::causes;
use media_types::{Mime, SNIFF_LEN, StorageReference, sniff_declared};
use object_store::path::Path;

use super::ticket::UploadTicket;
use crate::bucket::Bucket;
use crate::operation;
use crate::shared::Shared;

/// Stores what was uploaded by a ticket as media, under a key to which no signature exists, and removes
/// the upload.
pub(crate) async fn adopt(
    shared: &Arc<Shared>,
    ticket: &UploadTicket,
    metadata: MediaMetadata,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let missing = || {
        bucket
            .fail(StorageErrorKind::NotFound)
            .with_reason("nothing was uploaded by this ticket, or it was adopted or removed")
    };
    let name = ticket.name().ok_or_else(missing)?;
    let object = shared.keys.inbox_object(name)?;
    let found = bucket.open(&object, None).await?.ok_or_else(missing)?;
    let size = found.meta.size;
    if size != ticket.size() {
        let reason = format!(
            "the upload has {size} bytes, and {} were announced",
            ticket.size()
        );
        return Err(refuse(&bucket, &object, reason).await);
    }
    let reading = bucket.clone();
    let bytes = found
        .into_stream()
        .map_err(move |error| reading.read_failed(error))
        .boxed();
    let (prefix, bytes) = look_at(bytes).await?;
    let Some(mime) = type_of(&prefix, ticket.mime_type()) else {
        let reason = format!("the bytes are not of the type {}", ticket.mime_type());
        return Err(refuse(&bucket, &object, reason).await);
    };
    let body = MediaBody::from_stream(Some(size), bytes);
    let upload = MediaUpload::new(mime, body, metadata);
    let reference = operation::store(shared, upload).await?;
    // The media is stored; what is left is swept.
    if let Err(error) = bucket.delete(&object).await {
        tracing::warn!(error = %causes(&error), "an upload that was adopted could not be removed");
    }
    Ok(reference)
}

/// Removes an upload that will never be adopted, and returns why.
async fn refuse(bucket: &Bucket, object: &Path, reason: String) -> StorageError {
    if let Err(error) = bucket.delete(object).await {
        tracing::warn!(error = %causes(&error), "an upload that was refused could not be removed");
    }
    bucket
        .fail(StorageErrorKind::InvalidInput)
        .with_reason(reason)
}

type Pieces = BoxStream<'static, Result<Bytes, StorageError>>;

/// Reads as much as the type needs. Returns it, and the whole again.
async fn look_at(mut bytes: Pieces) -> Result<(Bytes, Pieces), StorageError> {
    let mut prefix = BytesMut::new();
    while prefix.len() < SNIFF_LEN {
        match bytes.try_next().await? {
            Some(piece) => prefix.extend_from_slice(&piece),
            None => break,
        }
    }
    let prefix = prefix.freeze();
    let first = prefix.clone();
    let whole = stream::once(async move { Ok(first) }).chain(bytes);
    Ok((prefix, whole.boxed()))
}

/// Returns the type of an upload, as uploads through a service are typed, if it is of the announced kind. Types that
/// a browser may execute must be announced as such.
fn type_of(prefix: &[u8], announced: &Mime) -> Option<Mime> {
    let mime = sniff_declared(prefix, Some(announced.as_str()))?;
    let passive = mime.media_type() == announced.media_type() && !mime.is_active();
    (mime == *announced || passive).then_some(mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_types_must_be_announced() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>";
        for announced in [Mime::IMAGE_PNG, Mime::IMAGE_JPEG] {
            assert_eq!(type_of(svg, &announced), None, "{announced}");
        }
        assert_eq!(type_of(svg, &Mime::IMAGE_SVG), Some(Mime::IMAGE_SVG));
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(type_of(png, &Mime::IMAGE_SVG), Some(Mime::IMAGE_PNG));
    }

    #[test]
    fn bytes_decide_within_the_announced_kind() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let text: Mime = "text/plain".parse().unwrap();
        assert_eq!(type_of(png, &Mime::IMAGE_PNG), Some(Mime::IMAGE_PNG));
        assert_eq!(type_of(png, &Mime::IMAGE_JPEG), Some(Mime::IMAGE_PNG));
        assert_eq!(type_of(png, &text), None);
        assert_eq!(type_of(b"hello", &text), Some(text.clone()));
        assert_eq!(type_of(b"hel\0lo", &text), None);
        assert_eq!(type_of(b"hello", &Mime::IMAGE_PNG), None);
        assert_eq!(type_of(b"hello", &Mime::APPLICATION_PDF), None);
    }
}
