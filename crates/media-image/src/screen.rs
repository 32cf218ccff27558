//! Screening uploads.

use bytes::BytesMut;
use futures_util::StreamExt as _;
use media_storage::{MediaBody, Operation, StorageError, StorageErrorKind};

use crate::error::{ImageError, ImageErrorKind};
use crate::limits::ImageLimits;
use crate::probe::{PROBE_LEN, probe};

/// Bytes after which the beginning is probed for the first time. It is probed again each time that there is
/// twice as much, so that a body in tiny pieces costs no more than one in large ones.
const FIRST_PROBE: usize = 1024;

/// Refuses an image that has more pixels than the limits permit, before anything of it is stored. Returns the
/// body, whole.
///
/// What the first [`PROBE_LEN`] bytes do not show passes: other media, damaged images, dimensions that stand
/// further behind. Whatever decodes an image checks the limits again. The limit on bytes is not checked. At
/// most [`PROBE_LEN`] bytes and one piece are in memory.
///
/// ```
/// use media_image::{ImageLimits, screen_pixels};
/// use media_storage::{MediaBody, StorageErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bomb = MediaBody::from_bytes(&b"GIF89a\xff\xff\xff\xff\0\0\0;"[..]);
/// let refused = screen_pixels(bomb, &ImageLimits::new()).await.unwrap_err();
/// assert_eq!(refused.kind(), StorageErrorKind::TooLarge);
/// # }
/// ```
///
/// # Errors
/// `TooLarge` for such an image, and errors of the body.
pub async fn screen_pixels(
    body: MediaBody,
    limits: &ImageLimits,
) -> Result<MediaBody, StorageError> {
    let len = body.len();
    let mut stream = body.into_stream();
    let mut beginning = BytesMut::new();
    let mut next_probe = FIRST_PROBE;
    loop {
        let piece = stream.next().await.transpose()?;
        beginning.extend_from_slice(piece.as_deref().unwrap_or_default());
        if piece.is_some() && beginning.len() < next_probe {
            continue;
        }
        match probe(&beginning) {
            Ok(info) => {
                limits.check_pixels(&info).map_err(refused)?;
                break;
            }
            Err(error) if error.kind() != ImageErrorKind::Truncated => break,
            Err(_) if piece.is_none() || beginning.len() >= PROBE_LEN => break,
            Err(_) => next_probe = (beginning.len() * 2).min(PROBE_LEN),
        }
    }
    let beginning = beginning.freeze();
    let beginning = futures_util::stream::once(async move { Ok::<_, StorageError>(beginning) });
    Ok(MediaBody::from_stream(len, beginning.chain(stream)))
}

fn refused(error: ImageError) -> StorageError {
    StorageError::new(StorageErrorKind::TooLarge, Operation::Store)
        .with_reason("the image has more pixels than are permitted")
        .with_source(error)
}
