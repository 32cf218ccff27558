//! What can be asked.

mod conversations;
mod direct;
mod health;
mod me;
mod page;
mod turns;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use examples::advice::failed;
use examples::errors::Failure;
use media_http::{MediaService, ResumableUploadService, UploadService, UploadSpool};
use serde::Serialize;

use crate::app::App;
use crate::error::ApiError;
use crate::uploads::{self, Uploads};

/// Uploads in parts, below the address of the service.
const FILES: &str = "/files";

/// Returns all routes.
pub(crate) fn router(app: App, spool: UploadSpool) -> Result<Router, Failure> {
    let media = MediaService::new(app.storage().clone(), app.keys().clone());
    let signer = app.storage().signer();
    let whole = UploadService::new(app.clone(), Uploads::new(app.clone(), uploads::MAX_WHOLE));
    let whole = whole.with_signer(signer.clone());
    let in_parts = Uploads::new(app.clone(), uploads::MAX_IN_PARTS);
    let files = ResumableUploadService::new(app.clone(), in_parts, spool.clone(), FILES)
        .map_err(failed)?
        .with_signer(signer.clone());
    let erase = delete(me::erase).with_state((app.clone(), spool));
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
        .route("/uploads", post(direct::announce))
        .route("/uploads/adopt", post(direct::adopt))
        .route("/me", erase);
    Ok(Router::new()
        .route("/", get(page::page))
        // Browsers ask for it with every page.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/page.css", get(page::style))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .nest("/api", api)
        .with_state(app)
        .nest_service("/media", media)
        .nest_service("/upload", whole)
        .nest_service(FILES, files))
}

/// A response with JSON.
fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string(value)
        .map_err(|_| ApiError::bad_request("the answer cannot be shown"))?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], text).into_response())
}
