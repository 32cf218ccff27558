//! What a user can do with everything that is theirs.

use axum::extract::State;
use axum::response::Response;

use super::json;
use crate::app::App;
use crate::error::ApiError;
use crate::user::User;

/// Erases the user and answers with the receipt.
pub(super) async fn erase(State(app): State<App>, user: User) -> Result<Response, ApiError> {
    let receipt = app.manager().erase_user(&user.0).await?;
    json(&receipt)
}
