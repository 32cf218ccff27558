//! Responses: bodies, headers and errors.

use std::io;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde::Serialize;

use crate::bucket::{Attributes, Object, Refusal};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Reply = Response<Body>;

pub(super) const GENERATION: HeaderName = HeaderName::from_static("x-goog-generation");
const METADATA: &str = "x-goog-meta-";

/// Reason why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Unauthorized,
    Forbidden,
    MalformedSignature,
    SignatureDoesNotMatch,
    ExpiredToken,
    NoSuchBucket,
    InvalidArgument,
    IncompleteBody,
    InvalidRange,
    NotModified,
    NotImplemented,
    Refused(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    fn status_and_code(self) -> (u16, &'static str) {
        match self {
            Self::Unauthorized => (401, "AuthenticationRequired"),
            Self::Forbidden => (403, "AccessDenied"),
            Self::MalformedSignature => (400, "AuthorizationQueryParametersError"),
            Self::SignatureDoesNotMatch => (403, "SignatureDoesNotMatch"),
            Self::ExpiredToken => (400, "ExpiredToken"),
            Self::NoSuchBucket => (404, "NoSuchBucket"),
            Self::InvalidArgument => (400, "InvalidArgument"),
            Self::IncompleteBody => (400, "IncompleteBody"),
            Self::InvalidRange => (416, "InvalidRange"),
            Self::NotModified => (304, "NotModified"),
            Self::NotImplemented => (501, "NotImplemented"),
            Self::Refused(Refusal::Condition) => (412, "PreconditionFailed"),
            Self::Refused(Refusal::NoSuchKey) => (404, "NoSuchKey"),
            Self::Refused(Refusal::NoSuchUpload) => (404, "NoSuchUpload"),
            Self::Refused(Refusal::InvalidPart) => (400, "InvalidPart"),
            Self::Refused(Refusal::PartOrder) => (400, "InvalidPartOrder"),
            Self::Refused(Refusal::PartTooSmall) => (400, "EntityTooSmall"),
        }
    }

    pub(super) fn reply(self) -> Reply {
        let (status, code) = self.status_and_code();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::NOT_MODIFIED {
            return empty(status);
        }
        let body = format!(
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code>\
             <Message>{code}</Message></Error>"
        );
        let mut reply = Response::new(whole(body.into()));
        *reply.status_mut() = status;
        xml_type(reply.headers_mut());
        reply
    }
}

pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

pub(super) fn xml<T: Serialize>(root: &str, value: &T) -> Result<Reply, Failure> {
    let text =
        quick_xml::se::to_string_with_root(root, value).map_err(|_| Failure::NotImplemented)?;
    let mut reply = Response::new(whole(text.into()));
    xml_type(reply.headers_mut());
    Ok(reply)
}

fn xml_type(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
}

/// Tag and generation, which every response about an object carries.
pub(super) fn version(headers: &mut HeaderMap, e_tag: &str, generation: u64) {
    set(headers, ETAG, &format!("\"{e_tag}\""));
    headers.insert(GENERATION, HeaderValue::from(generation));
}

pub(super) fn describe(headers: &mut HeaderMap, object: &Object, length: u64) {
    version(headers, &object.e_tag, object.generation);
    let modified = object.modified.format("%a, %d %b %Y %H:%M:%S GMT");
    set(headers, LAST_MODIFIED, &modified.to_string());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let attributes = &object.attributes;
    let named = [
        (CONTENT_TYPE, &attributes.content_type),
        (CONTENT_DISPOSITION, &attributes.content_disposition),
        (CONTENT_ENCODING, &attributes.content_encoding),
        (CONTENT_LANGUAGE, &attributes.content_language),
        (CACHE_CONTROL, &attributes.cache_control),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            set(headers, name, value);
        }
    }
    for (name, value) in &attributes.metadata {
        if let Ok(name) = HeaderName::try_from(format!("{METADATA}{name}")) {
            set(headers, name, value);
        }
    }
}

pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

pub(super) fn attributes(headers: &HeaderMap) -> Attributes {
    let text = |name: HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Attributes {
        content_type: text(CONTENT_TYPE),
        content_disposition: text(CONTENT_DISPOSITION),
        content_encoding: text(CONTENT_ENCODING),
        content_language: text(CONTENT_LANGUAGE),
        cache_control: text(CACHE_CONTROL),
        metadata: headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(METADATA)?;
                Some((name.to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
    }
}
