//! Requests for objects: put, read, delete, copy, list.

use std::ops::Range;

use chrono::SecondsFormat;
use futures_util::TryStreamExt as _;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_MATCH,
    IF_NONE_MATCH, RANGE,
};
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::reply::{self, Failure, Reply, whole};
use super::service::{Asked, Service};
use crate::bucket::{Condition, ListQuery, Object, Piece, Refusal};

/// Refuses a body that is shorter or longer than the request permits.
fn check_length(asked: &Asked) -> Result<(), Failure> {
    let Some(range) = asked.header("x-goog-content-length-range") else {
        return Ok(());
    };
    let len = asked.header("content-length");
    let len: Option<u64> = len.and_then(|len| len.parse().ok());
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = range.split_once(',');
    let range = range.and_then(|(least, most)| Some(number(least)?..=number(most)?));
    match len.zip(range) {
        Some((len, range)) if range.contains(&len) => Ok(()),
        _ => Err(Failure::InvalidArgument),
    }
}

impl Service {
    pub(super) async fn receive(&self, body: Incoming) -> Result<Piece, Failure> {
        self.bucket
            .receive(body.into_data_stream())
            .await
            .map_err(|_| Failure::IncompleteBody)
    }

    pub(super) async fn put(&self, asked: &Asked, body: Incoming) -> Result<Reply, Failure> {
        let condition = condition(asked)?;
        check_length(asked)?;
        let piece = self.receive(body).await?;
        let attributes = reply::attributes(&asked.parts.headers);
        let object = self.bucket.put(&asked.key, piece, attributes, &condition)?;
        let mut reply = reply::empty(StatusCode::OK);
        reply::version(reply.headers_mut(), &object.e_tag, object.generation);
        Ok(reply)
    }

    pub(super) fn read(&self, asked: &Asked) -> Result<Reply, Failure> {
        let object = self.bucket.get(&asked.key).ok_or(Refusal::NoSuchKey)?;
        let generation = object.generation.to_string();
        if asked.query("generation").is_some_and(|g| g != generation) {
            return Err(Refusal::NoSuchKey.into());
        }
        let is = |tags: &str| {
            tags.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_matches('"') == object.e_tag)
        };
        if asked
            .header(IF_MATCH.as_str())
            .is_some_and(|tags| !is(tags))
        {
            return Err(Refusal::Condition.into());
        }
        if asked.header(IF_NONE_MATCH.as_str()).is_some_and(is) {
            return Err(Failure::NotModified);
        }
        let part = match asked.header(RANGE.as_str()) {
            Some(range) => parse_range(range, object.size)?,
            None => None,
        };
        let range = part.clone().unwrap_or(0..object.size);
        let mut reply = Response::new(whole(bytes::Bytes::new()));
        let headers = reply.headers_mut();
        reply::describe(headers, &object, range.end - range.start);
        for (name, header) in overridable() {
            if let Some(value) = asked.query(name) {
                reply::set(headers, header, value);
            }
        }
        if part.is_some() {
            let last = range.end - 1;
            let value = format!("bytes {}-{last}/{}", range.start, object.size);
            reply::set(headers, CONTENT_RANGE, &value);
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        if asked.parts.method == Method::GET {
            let frames = object.read(range).map_ok(Frame::data);
            *reply.body_mut() = StreamBody::new(frames).boxed_unsync();
        }
        Ok(reply)
    }

    pub(super) fn delete(&self, asked: &Asked) -> Result<Reply, Failure> {
        if self.bucket.delete(&asked.key, &condition(asked)?)? {
            Ok(reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(Refusal::NoSuchKey.into())
        }
    }

    pub(super) fn copy(&self, asked: &Asked) -> Result<Reply, Failure> {
        let source = asked.header("x-goog-copy-source").unwrap_or_default();
        let source = percent_decode_str(source).decode_utf8_lossy();
        let (bucket, from) = source
            .trim_start_matches('/')
            .split_once('/')
            .ok_or(Failure::InvalidArgument)?;
        if bucket != self.name {
            return Err(Failure::NoSuchBucket);
        }
        let object = self
            .bucket
            .copy(from, &asked.key, None, &condition(asked)?)?;
        let mut reply = reply::xml(
            "CopyObjectResult",
            &Copied {
                e_tag: format!("\"{}\"", object.e_tag),
                last_modified: modified(&object),
            },
        )?;
        reply::version(reply.headers_mut(), &object.e_tag, object.generation);
        Ok(reply)
    }

    pub(super) fn list(&self, asked: &Asked) -> Result<Reply, Failure> {
        let max_keys = asked
            .query("max-keys")
            .map(str::parse)
            .transpose()
            .map_err(|_| Failure::InvalidArgument)?;
        let page = self.bucket.list(&ListQuery {
            prefix: asked.query("prefix").unwrap_or_default(),
            delimiter: asked.query("delimiter").unwrap_or_default(),
            start_after: asked.query("start-after").unwrap_or_default(),
            token: asked.query("continuation-token"),
            max_keys,
        });
        let contents = page.objects.iter().map(|(key, object)| Listed {
            key,
            size: object.size,
            e_tag: format!("\"{}\"", object.e_tag),
            last_modified: modified(object),
        });
        reply::xml(
            "ListBucketResult",
            &Listing {
                is_truncated: page.next.is_some(),
                contents: contents.collect(),
                common_prefixes: page
                    .prefixes
                    .into_iter()
                    .map(|prefix| Prefix { prefix })
                    .collect(),
                next_continuation_token: page.next,
            },
        )
    }
}

/// The query parameters of a read that replace stored headers.
fn overridable() -> [(&'static str, HeaderName); 3] {
    [
        ("response-content-type", CONTENT_TYPE),
        ("response-content-disposition", CONTENT_DISPOSITION),
        ("response-cache-control", CACHE_CONTROL),
    ]
}

pub(super) fn condition(asked: &Asked) -> Result<Condition, Failure> {
    match asked.header("x-goog-if-generation-match") {
        None => Ok(Condition::Always),
        Some(number) => number
            .parse()
            .map(Condition::Generation)
            .map_err(|_| Failure::InvalidArgument),
    }
}

/// Parses a single range; `None` for an invalid one, which servers ignore.
fn parse_range(text: &str, size: u64) -> Result<Option<Range<u64>>, Failure> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| Failure::InvalidRange);
    let range = match (first, last) {
        ("", suffix) => size.saturating_sub(number(suffix)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(size),
    };
    if range.is_empty() {
        return Err(Failure::InvalidRange);
    }
    Ok(Some(range))
}

fn modified(object: &Object) -> String {
    object.modified.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listing<'a> {
    is_truncated: bool,
    contents: Vec<Listed<'a>>,
    common_prefixes: Vec<Prefix>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_continuation_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    key: &'a str,
    size: u64,
    #[serde(rename = "ETag")]
    e_tag: String,
    last_modified: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Prefix {
    prefix: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Copied {
    #[serde(rename = "ETag")]
    e_tag: String,
    last_modified: String,
}
