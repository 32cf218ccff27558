//! The page.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use crate::user::NewUser;

const PAGE: &str = include_str!("../page.html");

/// The page needs nothing from elsewhere, and says so to the browser.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src 'self' blob:; media-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page(user: NewUser) -> Response {
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    if let Some(cookie) = user.0 {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}
