//! Requests of a browser.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;

use crate::Failure;

/// How long a browser waits for the next byte. A follower of a turn of another node hears nothing until
/// the turn has ended, or its lease.
const SILENCE: Duration = Duration::from_secs(90);

/// A user with a cookie.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    http: reqwest::Client,
    cookie: String,
    pub(crate) user: String,
}

/// An event of a turn.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Where the reader is after it.
    pub(crate) position: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Browser {
    /// Returns the client that all browsers share.
    pub(crate) fn client() -> Result<reqwest::Client, Failure> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .build()?;
        Ok(client)
    }

    /// Opens the page of a node and keeps the cookie.
    pub(crate) async fn open(http: &reqwest::Client, address: &str) -> Result<Self, Failure> {
        let page = http.get(address).send().await?;
        let cookie = page.headers().get("set-cookie").ok_or("no cookie")?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default();
        let user = cookie.split('=').nth(1).ok_or("no user")?.to_owned();
        Ok(Self {
            http: http.clone(),
            cookie: cookie.to_owned(),
            user,
        })
    }

    /// Returns the browser of a user that is known.
    pub(crate) fn of(http: &reqwest::Client, user: &str) -> Self {
        Self {
            http: http.clone(),
            cookie: format!("chat_user={user}"),
            user: user.to_owned(),
        }
    }

    /// Begins a request at an address.
    pub(crate) fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, url)
            .header("cookie", &self.cookie)
    }

    /// Sends a request and reads the answer to its end: status, and JSON or `Null`.
    pub(crate) async fn answer(
        &self,
        method: Method,
        url: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Value), Failure> {
        let response = self.request(method, url).body(body).send().await?;
        let status = response.status().as_u16();
        let text = response.bytes().await?;
        Ok((status, serde_json::from_slice(&text).unwrap_or_default()))
    }

    /// Reads bytes from a link.
    pub(crate) async fn fetch(&self, url: &str) -> Result<(u16, Vec<u8>), Failure> {
        let response = self.http.get(url).send().await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?.to_vec()))
    }
}

/// The events of a response, as they come.
pub(crate) struct Events {
    body: BoxStream<'static, reqwest::Result<axum::body::Bytes>>,
    text: Vec<u8>,
    ready: VecDeque<Event>,
}

impl Events {
    pub(crate) fn of(response: reqwest::Response) -> Self {
        Self {
            body: response.bytes_stream().boxed(),
            text: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Returns the next event; `None` at the end of the response, however it came.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let bytes = self.body.next().await?.ok()?;
            self.text.extend_from_slice(&bytes);
            while let Some(end) = memchr::memmem::find(&self.text, b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                self.ready.extend(parse(&block));
            }
        }
    }
}

fn parse(block: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(block).ok()?;
    let (id, data) = text.trim_end().split_once('\n')?;
    let mut data: Value = serde_json::from_str(data.strip_prefix("data: ")?).ok()?;
    Some(Event {
        position: id.strip_prefix("id: ")?.to_owned(),
        kind: data["type"].as_str()?.to_owned(),
        data: data["data"].take(),
    })
}

/// Makes a PNG of `side` by `side` random pixels, of three bytes each.
pub(crate) fn noise(seed: u64, side: u32) -> Vec<u8> {
    let chance = crate::plan::Chance::new(seed);
    let size = usize::try_from(side * side * 3).unwrap_or_default();
    let mut pixels = Vec::with_capacity(size + 8);
    while pixels.len() < size {
        pixels.extend_from_slice(&chance.bits().to_le_bytes());
    }
    pixels.truncate(size);
    let mut file = Vec::with_capacity(size + 1024);
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fastest);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels));
    // Into memory, of the right size: it cannot fail.
    debug_assert!(written.is_ok());
    file
}
