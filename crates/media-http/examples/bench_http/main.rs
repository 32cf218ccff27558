//! Measures serving media beside nginx and beside `tower_http::services::ServeDir`: the same files, each
//! server in a process of its own, in turn.
//!
//! usage: bench_http [--quick]
//!
//! Throughput is of 8 connections that read one file after another; the first byte is that of single requests
//! over one connection. Figures are medians of rounds, ratios medians of the ratios within a round. Fails if
//! media of 1 MB is not sent at 0.8 of the throughput of both others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod load;
mod servers;

use std::time::Duration;

use load::{Load, Reading};
use servers::{Contender, Files, Server};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const SIZES: [(&str, usize); 3] = [
    ("100 KB", 100_000),
    ("1 MB", 1_000_000),
    ("20 MB", 20_000_000),
];
/// The size that the goal is about.
const GOAL_SIZE: &str = "1 MB";
const GOAL: f64 = 0.8;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, contender, directory] = arguments.as_slice()
        && command == "serve"
    {
        return servers::run(contender, directory).await;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let (rounds, load) = if quick {
        (3, Load::new(Duration::from_millis(300), 50))
    } else {
        (9, Load::new(Duration::from_secs(2), 300))
    };
    let files = Files::create(&SIZES).await?;
    let servers = servers::start_all(&files).await?;
    println!("| size | server | MB/s | first byte, \u{b5}s | of nginx | of ServeDir |");
    println!("|---|---|---|---|---|---|");
    let mut met = true;
    for (size, _) in SIZES {
        let mut table: Vec<Vec<Reading>> = vec![Vec::new(); servers.len()];
        for round in 0..rounds {
            // Nobody is always the first.
            for turn in 0..servers.len() {
                let at = (turn + round) % servers.len();
                table[at].push(load.measure(&servers[at], size).await?);
            }
        }
        met &= report(size, &servers, &table);
    }
    match met {
        true => Ok(()),
        false => Err("the goal is not met, see above".into()),
    }
}

/// Prints the rows of a size. Returns whether the goal is met.
fn report(size: &str, servers: &[Server], table: &[Vec<Reading>]) -> bool {
    let of = |contender| {
        servers
            .iter()
            .position(|server| server.contender == contender)
    };
    let mut met = true;
    for (at, server) in servers.iter().enumerate() {
        let ratio = |other: Option<usize>| {
            let pairs = table[at].iter().zip(&table[other?]);
            Some(median(
                pairs.map(|(one, other)| one.megabytes / other.megabytes),
            ))
        };
        let ratios = [ratio(of(Contender::Nginx)), ratio(of(Contender::ServeDir))];
        let shown = ratios.map(|ratio| ratio.map_or("not run".to_owned(), |r| format!("{r:.2}")));
        println!(
            "| {size} | {} | {:.0} | {:.0} | {} | {} |",
            server.contender.title(),
            median(table[at].iter().map(|reading| reading.megabytes)),
            median(table[at].iter().map(|reading| reading.first_byte)),
            shown[0],
            shown[1],
        );
        let is_ours = matches!(
            server.contender,
            Contender::Verified | Contender::Unverified
        );
        if is_ours && size == GOAL_SIZE {
            met &= ratios.iter().flatten().all(|ratio| *ratio >= GOAL);
        }
    }
    met
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
