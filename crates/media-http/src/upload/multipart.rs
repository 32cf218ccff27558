//! The items of a multipart form.

use futures_util::StreamExt as _;

use super::answer::UploadFailure;
use super::intake::{Declared, Intake};
use crate::service::{Incoming, unreadable};

/// Stores each file of a form. Fields that are no files are skipped.
pub(super) async fn take_form(
    intake: &mut Intake<'_>,
    boundary: String,
    body: Incoming,
) -> Result<(), UploadFailure> {
    let mut form = multer::Multipart::new(body, boundary);
    loop {
        let field = form
            .next_field()
            .await
            .map_err(|error| UploadFailure::Storage(read_error(error)))?;
        let Some(field) = field else {
            return Ok(());
        };
        let Some(filename) = field.file_name().map(str::to_owned) else {
            continue;
        };
        let declared = Declared {
            mime: field.content_type().map(|mime| mime.to_string()),
            filename: Some(filename),
        };
        let stream = field.map(|piece| piece.map_err(read_error)).boxed();
        intake.take(declared, stream).await?;
    }
}

/// Returns the boundary of a form; `None` for another type.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

fn read_error(error: multer::Error) -> media_storage::StorageError {
    unreadable(error)
}
