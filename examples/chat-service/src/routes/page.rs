//! The page.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use crate::app::App;
use crate::user::NewUser;

const PAGE: &str = include_str!("../page.html");
const STYLE: &str = include_str!("../page.css");

/// The page needs nothing from elsewhere, and says so to the browser.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'self'; \
                      img-src 'self' blob:; media-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; connect-src 'self'";

pub(super) async fn page(State(app): State<App>, user: NewUser) -> Response {
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(&app));
    if let Some(cookie) = user.cookie(app.is_behind_tls()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn style() -> Response {
    let css = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, css)], STYLE).into_response()
}

/// The page may send to the inbox of the bucket that it uploads to.
fn policy(app: &App) -> HeaderValue {
    let with_bucket = app.direct().and_then(|direct| {
        let policy = format!("{POLICY} {}", direct.inbox());
        HeaderValue::from_str(&policy).ok()
    });
    with_bucket.unwrap_or(HeaderValue::from_static(POLICY))
}
