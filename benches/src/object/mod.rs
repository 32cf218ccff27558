//! The measurements of the object store: requests at the wire, time, memory.

mod lanes;
mod memory;
mod requests;
mod server;
mod service;
mod speed;

use std::path::PathBuf;

use crate::report::Report;
use crate::{Result, machine};

pub use memory::child as memory_child;
pub use server::serve;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// An empty directory, for what the servers hold.
    pub dir: PathBuf,
    /// Where the tables go; nowhere if not set.
    pub docs: Option<PathBuf>,
    /// The number of rounds for 1 MB and less; larger media have fewer.
    pub rounds: usize,
    /// Size of the media for the peak of memory, in bytes.
    pub memory: u64,
    /// Which parts to measure; all if empty.
    pub only: Vec<String>,
}

impl Plan {
    /// Everything that the documents show: some minutes and 4 GB of disk.
    pub fn full(dir: PathBuf) -> Self {
        Self {
            dir,
            docs: None,
            rounds: 60,
            memory: 1 << 30,
            only: vec![],
        }
    }

    /// The same with fewer rounds and less memory to fill.
    pub fn quick(dir: PathBuf) -> Self {
        Self {
            rounds: 10,
            memory: 128 << 20,
            ..Self::full(dir)
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

/// Measures and reports.
///
/// # Errors
/// Whatever goes wrong; nothing is written to the documents then.
pub async fn run(plan: &Plan) -> Result<Report> {
    machine::check_room(&plan.dir, plan.memory * 2 + (2 << 30), 10_000)?;
    let mut report = Report::default();
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC");
    report.say(&format!(
        "Measured {now} on {}, {}, release build{}. Load averages at the start: {}. Written by `scripts/bench.sh object`, which measures again. 1 MB is 1,000,000 bytes.",
        machine::describe(),
        machine::file_system(&plan.dir),
        machine::priority(),
        machine::load(),
    ));
    if plan.wants("requests") {
        requests::requests(plan, &mut report).await?;
    }
    if plan.wants("speed") {
        speed::speed(plan, &mut report).await?;
    }
    if plan.wants("memory") {
        memory::memory(plan, &mut report).await?;
    }
    report.say(&format!("Load averages at the end: {}.", machine::load()));
    Ok(report)
}
