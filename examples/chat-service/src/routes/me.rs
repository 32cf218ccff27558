//! What a user can do with everything that is theirs.

use axum::extract::State;
use axum::response::Response;
use media_http::UploadSpool;

use super::json;
use crate::app::App;
use crate::error::ApiError;
use crate::user::User;

/// Erases the user and answers with the receipt. Uploads in parts go first, and those that are being stored
/// are waited for, so that none of them becomes media afterwards. Those on other nodes become nothing, since their user
/// is refused from now on; each node removes its own after about a minute. Nothing is erased, and there is no receipt,
/// while parts on this node cannot be removed.
pub(super) async fn erase(
    State((app, spool)): State<(App, UploadSpool)>,
    user: User,
) -> Result<Response, ApiError> {
    let removed = spool.remove_user(&user.0).await;
    removed.map_err(|error| {
        let message = "parts of your uploads could not be removed; try again";
        ApiError::unavailable(&error, message)
    })?;
    let receipt = app.manager().erase_user(&user.0).await?;
    json(&receipt)
}
