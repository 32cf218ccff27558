//! What can be asked.

mod conversations;
mod health;
mod me;
mod page;
mod turns;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use media_http::{MediaService, UploadService};
use serde::Serialize;

use crate::app::App;
use crate::error::ApiError;
use crate::user::Uploads;

/// Returns all routes.
pub(crate) fn router(app: App) -> Router {
    let media = MediaService::new(app.storage().clone(), app.keys().clone());
    let uploads =
        UploadService::new(app.clone(), Uploads).with_signer(app.storage().signer().clone());
    let api = Router::new()
        .route(
            "/conversations",
            post(conversations::start).get(conversations::list),
        )
        .route(
            "/conversations/{id}",
            get(conversations::view).delete(conversations::remove),
        )
        .route("/conversations/{id}/turns", post(turns::begin))
        .route("/conversations/{id}/turns/{turn}", delete(turns::stop))
        .route(
            "/conversations/{id}/turns/{turn}/events",
            get(turns::follow),
        )
        .route("/me", delete(me::erase));
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .nest("/api", api)
        .with_state(app)
        .nest_service("/media", media)
        .nest_service("/upload", uploads)
}

/// A response with JSON.
fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string(value)
        .map_err(|_| ApiError::bad_request("the answer cannot be shown"))?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], text).into_response())
}
