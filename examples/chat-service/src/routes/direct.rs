//! Uploads straight to the bucket: announce, adopt.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use media_types::Mime;
use serde::Deserialize;
use serde_json::json;

use super::json;
use crate::app::App;
use crate::error::ApiError;
use crate::user::User;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUpload {
    mime_type: Mime,
    size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptRequest {
    ticket: String,
    filename: Option<String>,
}

/// Answers with where an upload is sent, with which headers, and the ticket to adopt it by; with 204 where uploads go
/// through the service.
pub(super) async fn announce(
    State(app): State<App>,
    user: User,
    body: Bytes,
) -> Result<Response, ApiError> {
    let Some(direct) = app.direct() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let wanted: NewUpload = serde_json::from_slice(&body)
        .map_err(|_| ApiError::bad_request("an upload is {\"mime_type\", \"size\"}"))?;
    direct.count(&user).map_err(ApiError::too_many_uploads)?;
    if app.manager().is_erased(&user.0).await? {
        return Err(ApiError::forbidden("the user is being erased"));
    }
    let announced = direct
        .announce(&app, &user, wanted.mime_type, wanted.size)
        .await?;
    let upload = announced.upload;
    // Browsers set the length themselves, and refuse to be told.
    let headers = upload.headers().iter();
    let headers = headers.filter(|(name, _)| *name != "content-length");
    let headers: serde_json::Map<_, _> = headers
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    json(&json!({
        "url": upload.url().url().as_str(),
        "headers": headers,
        "ticket": announced.ticket,
    }))
}

/// Makes media of an upload, and answers as an upload through the service does.
pub(super) async fn adopt(
    State(app): State<App>,
    user: User,
    body: Bytes,
) -> Result<Response, ApiError> {
    let direct = app.direct().ok_or_else(no_such_upload)?;
    let sent: AdoptRequest = serde_json::from_slice(&body)
        .map_err(|_| ApiError::bad_request("an upload is {\"ticket\", \"filename\"}"))?;
    // Forged tickets, those of others and those that have expired look alike.
    let ticket = direct.ticket(&user, &sent.ticket);
    let ticket = ticket.ok_or_else(no_such_upload)?;
    let adopted = direct.adopt(&app, &user, ticket, sent.filename).await;
    let item = adopted.map_err(ApiError::of_upload)?;
    json(&json!({ "items": [item] }))
}

fn no_such_upload() -> ApiError {
    ApiError::not_found("there is no such upload")
}
