//! Conditional requests and ranges: the cases of RFC 9110, sections 13 and 14.

use std::ops::Range;

use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_types::Mime;
use reqwest::header::{CACHE_CONTROL, CONNECTION, DATE, HeaderMap};
use reqwest::{Method, Response};

use crate::noise::noise;
use crate::server::Server;
use crate::{Result, judge};

const LEN: usize = 1000;
const BEFORE: &str = "Sat, 29 Oct 1994 19:43:31 GMT";
const AFTER: &str = "Fri, 31 Dec 2100 23:59:59 GMT";
const PART: &str = "bytes=0-9";

/// What stands for the entity tag and the time of the media in a case.
const TAG: &str = "TAG";
const TIME: &str = "TIME";

/// Headers, the status of GET, and what it gives of the media.
type Case = (&'static [(&'static str, &'static str)], u16, Range<usize>);

const CASES: &[Case] = &[
    (&[], 200, 0..LEN),
    // 13.1.1: strong comparison.
    (&[("if-match", TAG)], 200, 0..LEN),
    (&[("if-match", "*")], 200, 0..LEN),
    (&[("if-match", "\"a\", TAG , \"b\"")], 200, 0..LEN),
    (&[("if-match", "\"a\""), ("if-match", TAG)], 200, 0..LEN),
    (&[("if-match", "\"a\"")], 412, 0..0),
    (&[("if-match", "W/TAG")], 412, 0..0),
    (&[("if-match", "")], 412, 0..0),
    // 13.1.2: weak comparison.
    (&[("if-none-match", TAG)], 304, 0..0),
    (&[("if-none-match", "W/TAG")], 304, 0..0),
    (&[("if-none-match", "*")], 304, 0..0),
    (&[("if-none-match", "\"a\",W/\"b\", TAG")], 304, 0..0),
    (&[("if-none-match", "\"a\"")], 200, 0..LEN),
    (&[("if-none-match", "nonsense")], 200, 0..LEN),
    // 13.1.3.
    (&[("if-modified-since", TIME)], 304, 0..0),
    (&[("if-modified-since", AFTER)], 304, 0..0),
    (&[("if-modified-since", BEFORE)], 200, 0..LEN),
    (&[("if-modified-since", "yesterday")], 200, 0..LEN),
    (
        &[("if-none-match", "\"a\""), ("if-modified-since", AFTER)],
        200,
        0..LEN,
    ),
    (
        &[("if-none-match", TAG), ("if-modified-since", BEFORE)],
        304,
        0..0,
    ),
    // 13.1.4.
    (&[("if-unmodified-since", TIME)], 200, 0..LEN),
    (&[("if-unmodified-since", AFTER)], 200, 0..LEN),
    (&[("if-unmodified-since", BEFORE)], 412, 0..0),
    (&[("if-unmodified-since", "yesterday")], 200, 0..LEN),
    (
        &[("if-match", TAG), ("if-unmodified-since", BEFORE)],
        200,
        0..LEN,
    ),
    // 13.1.5: a range counts only for the very media.
    (&[("range", PART), ("if-range", TAG)], 206, 0..10),
    (&[("range", PART), ("if-range", TIME)], 206, 0..10),
    (&[("range", PART), ("if-range", "W/TAG")], 200, 0..LEN),
    (&[("range", PART), ("if-range", "\"a\"")], 200, 0..LEN),
    (&[("range", PART), ("if-range", BEFORE)], 200, 0..LEN),
    (&[("range", PART), ("if-range", AFTER)], 200, 0..LEN),
    (
        &[("range", "bytes=5000-"), ("if-range", "\"a\"")],
        200,
        0..LEN,
    ),
    (&[("if-range", "\"a\"")], 200, 0..LEN),
    // 13.2.2: the order.
    (&[("if-match", "\"a\""), ("if-none-match", TAG)], 412, 0..0),
    (&[("if-match", TAG), ("if-none-match", TAG)], 304, 0..0),
    (&[("if-match", "\"a\""), ("range", PART)], 412, 0..0),
    (&[("if-none-match", TAG), ("range", PART)], 304, 0..0),
    (&[("if-none-match", "\"a\""), ("range", PART)], 206, 0..10),
    (
        &[("if-none-match", TAG), ("range", "bytes=5000-")],
        304,
        0..0,
    ),
    // 14.1.2 and 14.2.
    (&[("range", PART)], 206, 0..10),
    (&[("range", "bytes=990-")], 206, 990..LEN),
    (&[("range", "bytes=-10")], 206, 990..LEN),
    (&[("range", "bytes=0-5000")], 206, 0..LEN),
    (&[("range", "bytes=-5000")], 206, 0..LEN),
    (&[("range", "bytes=1000-")], 416, 0..0),
    (&[("range", "bytes=-0")], 416, 0..0),
    (&[("range", "bytes=9-0")], 200, 0..LEN),
    (&[("range", "lines=0-9")], 200, 0..LEN),
    (&[("range", "bytes=a-b")], 200, 0..LEN),
    (&[("range", "bytes=0-1,5-6")], 200, 0..LEN),
];

pub(crate) async fn prove(server: &Server) -> Result<bool> {
    let stored = noise(3, LEN);
    let metadata = MediaMetadata::new();
    let photo = server
        .store
        .store_bytes(Mime::IMAGE_PNG, stored.clone(), metadata)
        .await?;
    let link = server.link(&photo).await?;
    let plain = server.http.get(&link).send().await?;
    let (tag, time) = (text(&plain, "etag"), text(&plain, "last-modified"));
    let (mut right, mut equal) = (0, 0);
    for (headers, status, range) in CASES {
        let ask = async |method| {
            let mut request = server.http.request(method, &link);
            for (name, value) in *headers {
                let value = value.replace(TAG, &tag).replace(TIME, &time);
                request = request.header(*name, value);
            }
            request.send().await
        };
        let head = ask(Method::HEAD).await?;
        let get = ask(Method::GET).await?;
        // Ranges are defined for GET alone.
        let (expected, like) = match *status {
            206 | 416 => (200, plain.headers()),
            status => (status, get.headers()),
        };
        let same = head.status() == expected && lasting(head.headers()) == lasting(like);
        equal += usize::from(same);
        let tagged = !matches!(*status, 200 | 206 | 304) || text(&get, "etag") == tag;
        let part = match *status {
            206 => format!("bytes {}-{}/{LEN}", range.start, range.end - 1),
            416 => format!("bytes */{LEN}"),
            _ => String::new(),
        };
        let has_part = text(&get, "content-range") == part;
        let found = get.status().as_u16();
        let bytes = get.bytes().await?;
        let given = matches!(*status, 412 | 416) || bytes == stored[range.clone()];
        let holds = found == *status && given && tagged && has_part;
        if !holds || !same {
            let len = bytes.len();
            println!("{headers:?}: {found} with {len} bytes, expected {status} with {range:?}");
        }
        right += usize::from(holds);
    }
    let heads = judge("HEAD like GET", equal, CASES.len());
    Ok(judge(
        "conditions and ranges as RFC 9110 has them",
        right,
        CASES.len(),
    ) && heads)
}

/// Returns the headers without what changes from one second to the next.
fn lasting(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(DATE);
    headers.remove(CONNECTION);
    // What is left until the link expires.
    if let Some(fresh) = headers.get_mut(CACHE_CONTROL) {
        let text = fresh.to_str().unwrap_or_default();
        let text = text.replace(|letter: char| letter.is_ascii_digit(), "");
        if let Ok(without) = text.parse() {
            *fresh = without;
        }
    }
    headers
}

fn text(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
