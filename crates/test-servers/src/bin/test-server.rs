//! A test server or the fault proxy as a process, for proofs with several processes.
//!
//! ```text
//! test-server s3    --dir DIR [--port PORT] [--bucket NAME] [--ignore-conditions]
//! test-server gcs   --dir DIR [--port PORT] [--bucket NAME]
//! test-server azure
//! test-server llm   --api anthropic|gemini
//! test-server proxy --upstream HOST:PORT [--port PORT] [--faults PER_MILLE] [--seed N] [--hide TEXT]
//! ```
//!
//! The first line on its standard output is `listening on http://127.0.0.1:PORT`, with the version of the API
//! for `llm`; for `s3` the
//! second is `access ACCESS_KEY SECRET_KEY BUCKET`, for `gcs` `access SERVICE_ACCOUNT_KEY BUCKET` with the
//! key as JSON without blanks, for `azure` `access ACCOUNT KEY CONTAINER` of Azurite. It stops at SIGINT or SIGTERM; the proxy then
//! prints the number of requests and of faults. `--faults` is the share of requests with a fault, of
//! all kinds that need no release, chosen by a generator with the seed `--seed`. Some requests hang
//! until the client gives up. Objects whose path contains the text of `--hide` are not found.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use test_servers::azurite::Azurite;
use test_servers::gcs::{GcsOptions, GcsServer};
use test_servers::llm::{LlmApi, LlmServer};
use test_servers::proxy::{Fault, FaultProxy, RequestHead};
use test_servers::s3::{S3Options, S3Server};

const USAGE: &str =
    "usage: test-server s3 --dir DIR [--port PORT] [--bucket NAME] [--ignore-conditions]
       test-server gcs --dir DIR [--port PORT] [--bucket NAME]
       test-server azure
       test-server llm --api anthropic|gemini
       test-server proxy --upstream HOST:PORT [--port PORT] [--faults PER_MILLE] [--seed N]
                         [--hide TEXT]";

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let outcome = match (command.as_deref(), options(arguments)) {
        (Some("s3"), Some(options)) => s3(&options).await,
        (Some("gcs"), Some(options)) => gcs(&options).await,
        (Some("azure"), Some(_)) => azure().await,
        (Some("llm"), Some(options)) => llm(&options).await,
        (Some("proxy"), Some(options)) => proxy(&options).await,
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "test-server: {error}");
            ExitCode::FAILURE
        }
    }
}

type Options = HashMap<String, String>;

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::new();
    while let Some(name) = arguments.next() {
        let name = name.strip_prefix("--")?.to_owned();
        let value = match name.as_str() {
            "ignore-conditions" => String::new(),
            "api" | "dir" | "port" | "bucket" | "upstream" | "faults" | "seed" | "hide" => {
                arguments.next()?
            }
            _ => return None,
        };
        options.insert(name, value);
    }
    Some(options)
}

fn number(options: &Options, name: &str) -> Result<u64, Box<dyn Error>> {
    let value = options.get(name).map(|value| value.parse());
    Ok(value
        .transpose()
        .map_err(|e| format!("--{name}: {e}"))?
        .unwrap_or(0))
}

async fn s3(options: &Options) -> Result<(), Box<dyn Error>> {
    let dir = options.get("dir").ok_or(USAGE)?;
    let mut wanted = S3Options::default().with_port(number(options, "port")?.try_into()?);
    if let Some(bucket) = options.get("bucket") {
        wanted = wanted.with_bucket(bucket);
    }
    if options.contains_key("ignore-conditions") {
        wanted = wanted.ignoring_conditions();
    }
    let server = S3Server::start_with(dir, wanted).await?;
    say(format_args!("listening on {}", server.endpoint()))?;
    let (access, secret) = (server.access_key(), server.secret_key());
    say(format_args!("access {access} {secret} {}", server.bucket()))?;
    until_ended().await?;
    Ok(())
}

async fn gcs(options: &Options) -> Result<(), Box<dyn Error>> {
    let dir = options.get("dir").ok_or(USAGE)?;
    let mut wanted = GcsOptions::default().with_port(number(options, "port")?.try_into()?);
    if let Some(bucket) = options.get("bucket") {
        wanted = wanted.with_bucket(bucket);
    }
    let server = GcsServer::start_with(dir, wanted).await?;
    say(format_args!("listening on {}", server.endpoint()))?;
    let account: serde_json::Value = serde_json::from_str(&server.service_account())?;
    let account = account.to_string().replace(' ', "\\u0020");
    say(format_args!("access {account} {}", server.bucket()))?;
    until_ended().await?;
    server.stop();
    Ok(())
}

async fn azure() -> Result<(), Box<dyn Error>> {
    let server = Azurite::start().await?;
    say(format_args!("listening on {}", server.endpoint()))?;
    let (account, key) = (server.account(), server.access_key());
    say(format_args!(
        "access {account} {key} {}",
        server.container()
    ))?;
    until_ended().await?;
    Ok(())
}

async fn llm(options: &Options) -> Result<(), Box<dyn Error>> {
    let api = match options.get("api").map(String::as_str) {
        Some("anthropic") => LlmApi::AnthropicMessages,
        Some("gemini") => LlmApi::Gemini,
        _ => return Err(USAGE.into()),
    };
    let server = LlmServer::start(api, String::new()).await?;
    say(format_args!("listening on {}", server.url()))?;
    until_ended().await?;
    let (accepted, files) = (server.accepted(), server.files());
    say(format_args!(
        "{accepted} requests accepted, {files} files left"
    ))?;
    Ok(())
}

async fn proxy(options: &Options) -> Result<(), Box<dyn Error>> {
    let upstream = options.get("upstream").ok_or(USAGE)?.parse()?;
    let port = number(options, "port")?.try_into()?;
    let proxy = FaultProxy::start_on(port, upstream).await?;
    let per_mille = number(options, "faults")?;
    let hidden = options.get("hide").cloned();
    if per_mille > 0 || hidden.is_some() {
        let chance = Chance::new(number(options, "seed")?);
        proxy.set_script(move |request: &RequestHead, _| {
            let is_hidden = |text: &String| request.path().contains(text.as_str());
            if hidden.as_ref().is_some_and(is_hidden) {
                Fault::status(404)
            } else if chance.below(1000) < per_mille {
                some_fault(&chance, request)
            } else {
                Fault::Pass
            }
        });
    }
    say(format_args!("listening on {}", proxy.endpoint()))?;
    until_ended().await?;
    let totals = proxy.totals();
    let (requests, faults) = (totals.requests, totals.faults);
    say(format_args!("{requests} requests, {faults} met a fault"))?;
    Ok(())
}

fn some_fault(chance: &Chance, request: &RequestHead) -> Fault {
    let delay = Duration::from_millis(chance.below(3000));
    let conditional = ["if-match", "if-none-match"];
    if conditional
        .iter()
        .any(|name| request.header(name).is_some())
        && chance.below(3) == 0
    {
        // A concurrent write of the same key, or what looks like one.
        return match chance.below(4) {
            0 => Fault::status_after_forward(409),
            1 => Fault::status_after_forward(412),
            _ => Fault::status(409),
        };
    }
    match chance.below(13) {
        0 => Fault::ResetBeforeForward,
        1 | 2 => Fault::DropResponse,
        3 => Fault::status(500),
        4 => Fault::status(503),
        5 => Fault::status(429),
        6 => Fault::status_after_forward(500),
        7 => Fault::status_after_forward(503),
        8 => Fault::DelayRequest(delay),
        9 => Fault::DelayResponse(delay),
        10 => Fault::TruncateResponse(chance.below(4096)),
        11 => Fault::Hang,
        _ => Fault::TruncateRequest(chance.below(4096)),
    }
}

/// Pseudorandom numbers, reproducible by their seed.
struct Chance(AtomicU64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns the next number by `SplitMix64`, whose state is a counter, so that it needs no lock.
    fn below(&self, limit: u64) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(unix)]
async fn until_ended() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn until_ended() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
