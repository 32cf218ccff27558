//! What the servers did, as a table, and what it says about the goal.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use media_storage::Sha256Hasher;

use crate::load::Reading;
use crate::servers::Contender;

/// The size that the goal is about.
const GOAL_SIZE: &str = "1 MB";
const GOAL: f64 = 0.8;

/// For how long hashing is measured.
const HASHING: Duration = Duration::from_millis(500);

const HEAD: &str = "| size | server | MB/s | first byte, \u{b5}s | of nginx | of ServeDir | goal | |\n\
                    |---|---|---:|---:|---:|---:|---|---|\n";

/// A table that grows by the rows of one size at a time.
pub(crate) struct Report {
    contenders: Vec<Contender>,
    rows: String,
    notes: String,
    met: bool,
}

impl Report {
    pub(crate) fn new(contenders: Vec<Contender>) -> Self {
        Self {
            contenders,
            rows: String::new(),
            notes: String::new(),
            met: true,
        }
    }

    /// Adds the rows of a size: of each server, its readings by rounds.
    pub(crate) fn add(&mut self, size: &str, readings: &[Vec<Reading>]) {
        let of = |contender| self.contenders.iter().position(|one| *one == contender);
        let (nginx, serve_dir) = (of(Contender::Nginx), of(Contender::ServeDir));
        for (at, contender) in self.contenders.iter().enumerate() {
            let ratio = |other: Option<usize>| {
                let pairs = readings[at].iter().zip(&readings[other?]);
                let ratios = pairs.map(|(one, other)| one.megabytes / other.megabytes);
                Some(median(ratios))
            };
            let ratios = [ratio(nginx), ratio(serve_dir)];
            let shown = ratios.map(|one| one.map_or("not run".to_owned(), |r| format!("{r:.2}")));
            let is_reached = ratios.iter().flatten().all(|ratio| *ratio >= GOAL);
            let verdict = match (size == GOAL_SIZE && contender.is_ours(), is_reached) {
                (false, _) => String::new(),
                (true, true) => "met".to_owned(),
                (true, false) => "**missed**".to_owned(),
            };
            let goal = match verdict.is_empty() {
                true => String::new(),
                false => format!("\u{2265} {GOAL:.1} of both"),
            };
            self.met &= is_reached || verdict.is_empty() || *contender == Contender::Verified;
            let _ = writeln!(
                self.rows,
                "| {size} | {} | {:.0} | {:.0} | {} | {} | {goal} | {verdict} |",
                contender.title(),
                median(readings[at].iter().map(|reading| reading.megabytes)),
                median(readings[at].iter().map(|reading| reading.first_byte)),
                shown[0],
                shown[1],
            );
        }
        if let Some(nginx) = nginx.filter(|_| size == GOAL_SIZE) {
            let sent = median(readings[nginx].iter().map(|reading| reading.megabytes));
            self.notes = floor(sent);
        }
    }

    /// Returns the table and what has to be said about it.
    pub(crate) fn text(&self) -> String {
        let notes = match self.notes.as_str() {
            "" => "NOT RUN: nginx is not installed (Debian: nginx-light)\n",
            notes => notes,
        };
        format!("{HEAD}{}\n{notes}\n", self.rows)
    }

    /// Whether the goal is met by the servers that can meet it.
    pub(crate) fn is_met(&self) -> bool {
        self.met
    }
}

/// Says what a server could reach at most that hashes all it sends and is as fast as nginx otherwise.
fn floor(nginx: f64) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let hashing = seconds_to_hash_a_megabyte();
    let sending = 1.0 / nginx;
    let bound = sending / (sending + hashing / cores as f64);
    format!(
        "Verified at each read, no server on this machine reaches more than {bound:.2} of nginx: nginx sends 1 MB in \
         {:.2} ms with {cores} cores, readers included, and the SHA-256 of it takes {:.2} ms of one core.\n",
        sending * 1e3,
        hashing * 1e3,
    )
}

fn seconds_to_hash_a_megabyte() -> f64 {
    let bytes = vec![7; 1_000_000];
    let (began, mut hashed) = (Instant::now(), 0_u32);
    while began.elapsed() < HASHING {
        let mut hasher = Sha256Hasher::new();
        hasher.update(&bytes);
        std::hint::black_box(hasher.finish());
        hashed += 1;
    }
    began.elapsed().as_secs_f64() / f64::from(hashed)
}

/// Returns the median.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
