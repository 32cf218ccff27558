//! Authentication and routing of requests.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use super::account::Account;
use super::reply::{Failure, Reply};
use super::signed_url::{self, Query};
use crate::bucket::Bucket;

#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) bucket: Bucket,
    pub(super) account: Account,
}

/// An authenticated request.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) query: Query,
    pub(super) key: String,
}

impl Asked {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

impl Service {
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Reply, Infallible> {
        Ok(self.answer(request).await.unwrap_or_else(Failure::reply))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Failure> {
        let (parts, body) = request.into_parts();
        let query = decode_query(parts.uri.query().unwrap_or_default());
        self.authorize(&parts, &query)?;
        let path = parts.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if decode(bucket) != self.name {
            return Err(Failure::NoSuchBucket);
        }
        let asked = Asked {
            key: decode(key),
            query,
            parts,
        };
        let method = asked.parts.method.clone();
        let upload = asked.query("uploadId").map(str::to_owned);
        match (method, upload) {
            (Method::GET, None) if asked.key.is_empty() => self.list(&asked),
            _ if asked.key.is_empty() => Err(Failure::NotImplemented),
            (Method::GET | Method::HEAD, None) => self.read(&asked),
            (Method::PUT, None) if asked.header("x-goog-copy-source").is_some() => {
                self.copy(&asked)
            }
            (Method::PUT, None) => self.put(&asked, body).await,
            (Method::DELETE, None) => self.delete(&asked),
            (Method::POST, None) if asked.query("uploads").is_some() => self.begin_upload(&asked),
            (Method::PUT, Some(id)) => self.put_part(&asked, &id, body).await,
            (Method::POST, Some(id)) => self.complete_upload(&asked, &id, body).await,
            (Method::DELETE, Some(id)) => self.abort_upload(&asked, &id),
            _ => Err(Failure::NotImplemented),
        }
    }

    fn authorize(&self, parts: &Parts, query: &Query) -> Result<(), Failure> {
        if signed_url::is_signed(query) {
            return signed_url::verify(&self.account, parts, query);
        }
        let token = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or(Failure::Unauthorized)?;
        if self.account.has_made(token) {
            Ok(())
        } else {
            Err(Failure::Unauthorized)
        }
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn decode_query(query: &str) -> Query {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Forms encode a space as a plus.
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}
