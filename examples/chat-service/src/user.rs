//! Who asks.
//!
//! This example gives each browser a user of its own, by a cookie with a random id. A real service puts its
//! sign-in here; nothing else changes.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use conversation_sdk::Owner;
use media_types::UserId;

use crate::error::ApiError;

const COOKIE: &str = "chat_user";

/// The user of a request.
#[derive(Clone, Debug)]
pub(crate) struct User(pub(crate) UserId);

impl User {
    pub(crate) fn owner(&self) -> Owner {
        Owner::user(self.0.as_str())
    }

    /// Reads the cookie. An id that was not made here is not taken: it is too short to be guessed wrong.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let value = cookies.split(';').find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        })?;
        let id = uuid::Uuid::parse_str(value).ok()?;
        id.to_string().parse().ok().map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.headers).ok_or_else(ApiError::signed_out)
    }
}

/// A visitor without a cookie.
pub(crate) struct NewUser(bool);

impl NewUser {
    /// Returns the cookie that the visitor gets. `is_secure` keeps it from requests without TLS.
    pub(crate) fn cookie(&self, is_secure: bool) -> Option<HeaderValue> {
        let id = self.0.then(uuid::Uuid::new_v4)?;
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie =
            format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}");
        HeaderValue::from_str(&cookie).ok()
    }
}

impl<S: Sync> FromRequestParts<S> for NewUser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(User::of(&parts.headers).is_none()))
    }
}
