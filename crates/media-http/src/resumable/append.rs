//! Appending a part to an upload.

use std::io;

use bytes::BytesMut;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use media_storage::StorageError;
use media_types::SNIFF_LEN;

use super::checksum::Checksum;
use super::held::{HeldUpload, PIECE_LEN};
use crate::service::Incoming;

/// Why a part was not taken to its end.
#[derive(Debug)]
pub(super) enum AppendFailure {
    /// More came than was announced. Nothing of the part is kept.
    TooLong,
    /// The first bytes show a type that may not be uploaded. The upload is removed.
    Type,
    /// The part has another checksum. Nothing of it is kept.
    Checksum,
    /// The client went. What has arrived is kept, unless a checksum was announced.
    Cut(StorageError),
    /// Another request for the upload came. What has arrived is kept, unless a checksum was announced.
    Superseded,
    Io(io::Error),
}

impl From<io::Error> for AppendFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether the first bytes of an upload show a type that may be uploaded.
pub(super) type Permits<'a> = &'a (dyn Fn(&[u8]) -> bool + Send + Sync);

/// Appends what a client sends. What this acknowledges is on the disk.
pub(super) async fn append(
    mut upload: HeldUpload,
    mut body: Incoming,
    mut checksum: Option<Checksum>,
    permits: Permits<'_>,
) -> Result<HeldUpload, AppendFailure> {
    let start = upload.offset();
    let is_marked = checksum.is_some();
    if is_marked {
        upload = upload.mark().await?;
    }
    let mut superseded = Box::pin(upload.turn().superseded());
    let mut pending = BytesMut::new();
    let mut ending = loop {
        // A body whose bytes are always there must not hide the other request.
        let piece = match select(&mut superseded, body.next()).await {
            Either::Left(_) => break Err(AppendFailure::Superseded),
            Either::Right((None, _)) => break Ok(()),
            Either::Right((Some(Err(error)), _)) => break Err(AppendFailure::Cut(error)),
            Either::Right((Some(Ok(piece)), _)) => piece,
        };
        if (pending.len() + piece.len()) as u64 > upload.left() {
            break Err(AppendFailure::TooLong);
        }
        if let Some(checksum) = &mut checksum {
            checksum.update(&piece);
        }
        pending.extend_from_slice(&piece);
        if pending.len() >= PIECE_LEN {
            upload = write(upload, std::mem::take(&mut pending), permits).await?;
        }
    };
    let keep = match (&ending, checksum) {
        (Err(AppendFailure::TooLong), _) | (Err(_), Some(_)) => false,
        (_, None) => true,
        (Ok(()), Some(checksum)) => {
            let matches = checksum.matches();
            if !matches {
                ending = Err(AppendFailure::Checksum);
            }
            matches
        }
    };
    upload = match keep {
        true => write(upload, pending, permits).await?.sync().await?,
        false => upload.cut(start).await?,
    };
    if is_marked {
        upload = upload.clear_mark().await?;
    }
    ending.map(|()| upload)
}

async fn write(
    upload: HeldUpload,
    bytes: BytesMut,
    permits: Permits<'_>,
) -> Result<HeldUpload, AppendFailure> {
    // Shorter beginnings are judged when the upload is complete.
    if upload.offset() == 0 && bytes.len() >= SNIFF_LEN && !permits(&bytes) {
        upload.remove().await?;
        return Err(AppendFailure::Type);
    }
    if bytes.is_empty() {
        return Ok(upload);
    }
    Ok(upload.write(bytes.freeze()).await?)
}
