//! Checking URLs signed by GOOG4-RSA-SHA256, by the documentation of the service.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::account::{Account, EMAIL};
use super::reply::Failure;
use crate::bucket::hex;

/// Everything but the unreserved characters of RFC 3986.
const STRICT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const LONGEST: i64 = 7 * 24 * 60 * 60;
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(15);
const SIGNATURE: &str = "X-Goog-Signature";

pub(super) type Query = Vec<(String, String)>;

pub(super) fn is_signed(query: &Query) -> bool {
    query.iter().any(|(name, _)| name == SIGNATURE)
}

pub(super) fn verify(account: &Account, parts: &Parts, query: &Query) -> Result<(), Failure> {
    let value = |name: &str| {
        query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .ok_or(Failure::MalformedSignature)
    };
    if value("X-Goog-Algorithm")? != "GOOG4-RSA-SHA256" {
        return Err(Failure::MalformedSignature);
    }
    let date = value("X-Goog-Date")?;
    let signed_at: DateTime<Utc> = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ")
        .map_err(|_| Failure::MalformedSignature)?
        .and_utc();
    let seconds: i64 = value("X-Goog-Expires")?
        .parse()
        .map_err(|_| Failure::MalformedSignature)?;
    if !(1..=LONGEST).contains(&seconds) || signed_at > Utc::now() + CLOCKS_APART {
        return Err(Failure::MalformedSignature);
    }
    let day = date.get(..8).ok_or(Failure::MalformedSignature)?;
    let scope = format!("{day}/auto/storage/goog4_request");
    if value("X-Goog-Credential")? != format!("{EMAIL}/{scope}") {
        return Err(Failure::Forbidden);
    }

    let signed_headers = value("X-Goog-SignedHeaders")?;
    let canonical = format!(
        "{}\n{}\n{}\n{}\n{signed_headers}\nUNSIGNED-PAYLOAD",
        parts.method,
        parts.uri.path(),
        canonical_query(query),
        canonical_headers(parts, signed_headers)?,
    );
    let hashed = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{hashed}");
    let signature = unhex(value(SIGNATURE)?).ok_or(Failure::MalformedSignature)?;
    if !account.has_signed(to_sign.as_bytes(), &signature) {
        return Err(Failure::SignatureDoesNotMatch);
    }
    if Utc::now() > signed_at + TimeDelta::seconds(seconds) {
        return Err(Failure::ExpiredToken);
    }
    Ok(())
}

fn canonical_query(query: &Query) -> String {
    let encode = |text: &str| utf8_percent_encode(text, &STRICT).to_string();
    let mut pairs: Vec<_> = query
        .iter()
        .filter(|(name, _)| name != SIGNATURE)
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// Returns one line for each signed header; `host` must be one of them.
fn canonical_headers(parts: &Parts, signed: &str) -> Result<String, Failure> {
    if !signed.split(';').any(|name| name == "host") {
        return Err(Failure::MalformedSignature);
    }
    let mut lines = String::new();
    for name in signed.split(';') {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .ok_or(Failure::SignatureDoesNotMatch)?;
        lines.push_str(name);
        lines.push(':');
        lines.push_str(value.trim());
        lines.push('\n');
    }
    Ok(lines)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok())
        .collect()
}
