//! Measures serving media beside nginx and beside `tower_http::services::ServeDir`: the same files, each
//! server in a process of its own, in turn.
//!
//! usage: bench_http [--quick] [--docs PAGE]
//!
//! Throughput is of 8 connections that read one file after another; the first byte is that of single requests
//! over one connection. Each figure is taken for a fixed time, so that a slow server does not make the run
//! long. Figures are medians of rounds, ratios medians of the ratios within a round. Fails if media of 1 MB is
//! not sent at 0.8 of the throughput of both others, by size only and verified once an hour. Without nginx the goal is
//! not judged, and no page is written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod load;
mod page;
mod report;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

use load::{Load, Reading};
use report::Report;
use servers::Files;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const SIZES: [(&str, usize); 3] = [
    ("100 KB", 100_000),
    ("1 MB", 1_000_000),
    ("20 MB", 20_000_000),
];

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, contender, directory] = arguments.as_slice()
        && command == "serve"
    {
        return servers::run(contender, directory).await;
    }
    let has = |name: &str| arguments.iter().position(|argument| argument == name);
    let docs = has("--docs").map(|at| arguments.get(at + 1).ok_or("--docs needs a page"));
    let docs = docs.transpose()?.map(PathBuf::from);
    let (rounds, load) = match has("--quick") {
        Some(_) => (
            3,
            Load::new(Duration::from_millis(300), Duration::from_millis(100)),
        ),
        None => (
            9,
            Load::new(Duration::from_secs(1), Duration::from_millis(250)),
        ),
    };
    let files = Files::create(&SIZES).await?;
    let servers = servers::start_all(&files).await?;
    let contenders = servers.iter().map(|server| server.contender).collect();
    let mut report = Report::new(contenders);
    for (size, _) in SIZES {
        let mut readings: Vec<Vec<Reading>> = vec![Vec::new(); servers.len()];
        for round in 0..rounds {
            // Nobody is always the first.
            for turn in 0..servers.len() {
                let at = (turn + round) % servers.len();
                readings[at].push(load.measure(&servers[at], size).await?);
            }
        }
        report.add(size, &readings);
    }
    print!("{}", report.text());
    if let Some(page) = docs {
        if !report.is_complete() {
            return Err("the page was not written: not all servers were run, see above".into());
        }
        page::put(&page, "http", &report.text())?;
    }
    match report.is_missed() {
        true => Err("the goal is not met, see above".into()),
        false => Ok(()),
    }
}
