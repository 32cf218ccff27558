//! Proves what the chat service promises on many nodes, with real processes and real servers on the
//! loopback interface. `scripts/prove-service.sh` runs it.
//!
//! Many users talk at once to three nodes that share a database and a media store. Nodes are killed in
//! running turns, the database is ended, now and then between a commit and its answer, the bucket is
//! away, conversations are deleted and users erased while their turns run. At the end a judge compares
//! what the service reported to the clients with what lies in the database and in the media store.
//!
//! - [`plan`]: how much of what is done, and in which order
//! - [`servers`]: database, bucket, and the proxies in front of them
//! - [`nodes`]: the processes of the service
//! - [`model`]: the server of the model, which the nodes ask
//! - [`http`]: requests of a browser
//! - [`ledger`]: what the service reported to the clients
//! - [`exchange`]: one turn, as a browser sees it that comes back
//! - [`scene`]: what all users share
//! - [`talk`]: what users do
//! - [`trouble`]: kills, stops and outages
//! - [`rounds`]: one run from its start to its verdict
//! - [`weaker`]: what weaker settings of Redis lose
//! - [`judge`]: reads database, media store and ledger without the library
#![allow(missing_docs, reason = "a program, not a library")]

mod exchange;
mod http;
mod judge;
mod ledger;
mod model;
mod nodes;
mod page;
mod plan;
mod rounds;
mod scene;
mod servers;
mod talk;
mod trouble;
mod weaker;

/// The same servers as the tests of state stores.
#[path = "../../../../crates/conversation-state/tests/it/servers/mod.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::module_inception,
    reason = "written for tests"
)]
mod database;

use std::io::Write as _;
use std::process::ExitCode;

use plan::{Kind, Plan};

/// Whatever went wrong in the program itself.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str =
    "usage: prove_service [--short] [--turns N] [--seed N] [postgres | redis | weaker]...";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            say(&format!("the proof did not come to its end: {failure}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Failure> {
    let (plan, parts, seed) = options(std::env::args().skip(1))?;
    let mut holds = true;
    for part in parts {
        holds &= match part {
            Part::Service(kind) => rounds::run(kind, &plan, seed).await?,
            Part::Weaker => weaker::count().await?,
        };
    }
    Ok(holds)
}

/// A part of the proof.
enum Part {
    Service(Kind),
    Weaker,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(Plan, Vec<Part>, u64), Failure> {
    let mut plan = Plan::long();
    let mut parts = Vec::new();
    let mut short = false;
    let mut seed = 1;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--short" => {
                plan = Plan::short();
                short = true;
            }
            "--turns" => plan.turns = arguments.next().ok_or(USAGE)?.parse()?,
            "--seed" => seed = arguments.next().ok_or(USAGE)?.parse()?,
            "postgres" => parts.push(Part::Service(Kind::Postgres)),
            "redis" => parts.push(Part::Service(Kind::Redis)),
            "weaker" => parts.push(Part::Weaker),
            _ => return Err(USAGE.into()),
        }
    }
    if parts.is_empty() {
        parts = vec![Part::Service(Kind::Postgres), Part::Service(Kind::Redis)];
        if !short {
            parts.push(Part::Weaker);
        }
    }
    Ok((plan, parts, seed))
}

/// Writes a line of the report.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
