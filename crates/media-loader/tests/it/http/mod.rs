//! Fetching from servers: ones that behave and ones that do not.

mod fetch;
mod hostile;
mod limits;
mod policy;
mod proxy;
mod redirects;
pub(crate) mod server;
mod tls;

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use media_loader::{HostResolver, LoadErrorKind, MediaLoader, UrlPolicy};
use media_types::{MediaContent, Mime};

use server::Server;

/// A picture at a URL.
pub(crate) fn at(url: &str) -> MediaContent {
    MediaContent::from_url(Mime::IMAGE_PNG, url.parse().unwrap())
}

/// What a test needs to reach a server of its own, and no more.
pub(crate) fn policy(server: &Server) -> UrlPolicy {
    UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(server.port())
        .with_allowed_address(server.ip())
}

pub(crate) fn loader(policy: UrlPolicy) -> MediaLoader {
    MediaLoader::builder().with_url_policy(policy).build()
}

async fn kind(server: &Server, path: &str) -> LoadErrorKind {
    crate::kind(&loader(policy(server)), &at(&server.url(path))).await
}

/// Answers from a list, one entry for each question; the last one for ever.
#[derive(Debug)]
pub(crate) struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

impl Scripted {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Self(Mutex::new(answers.iter().rev().map(parse).collect()))
    }
}

impl HostResolver for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            0 => Vec::new(),
            1 => answers[0].clone(),
            _ => answers.pop().unwrap(),
        };
        Box::pin(async { Ok(answer) })
    }
}
