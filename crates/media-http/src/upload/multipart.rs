//! The items of a multipart form.

use futures_util::StreamExt as _;
use media_storage::StorageError;

use super::answer::UploadFailure;
use super::frame::FrameMeter;
use super::intake::{Declared, Intake};
use crate::service::{Incoming, unreadable};

/// Stores each file of a form. Fields that are no files are skipped.
pub(super) async fn take_form(
    intake: &mut Intake<'_>,
    boundary: String,
    body: Incoming,
) -> Result<(), UploadFailure> {
    let meter = FrameMeter::default();
    let mut form = multer::Multipart::new(meter.watch(body), boundary);
    loop {
        let field = form
            .next_field()
            .await
            .map_err(|error| UploadFailure::Storage(read_error(error)))?;
        let Some(field) = field else {
            return Ok(());
        };
        meter.found_field();
        let Some(filename) = field.file_name().map(str::to_owned) else {
            continue;
        };
        let declared = Declared {
            mime: field.content_type().map(|mime| mime.to_string()),
            filename: Some(filename),
            size: None,
        };
        let meter = meter.clone();
        let stream = field.map(move |piece| {
            let piece = piece.map_err(read_error)?;
            meter.gave(&piece);
            Ok(piece)
        });
        intake.take(declared, stream.boxed()).await?;
    }
}

/// Returns the boundary of a form; `None` for another type.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

/// Returns the error of the body, or that of a form that is malformed.
fn read_error(error: multer::Error) -> StorageError {
    match error {
        multer::Error::StreamReadFailed(source) => match source.downcast::<StorageError>() {
            Ok(error) => *error,
            Err(source) => unreadable(source),
        },
        error => unreadable(error),
    }
}
