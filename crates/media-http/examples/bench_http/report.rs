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
    verdicts: Vec<Verdict>,
}

/// What the ratios of a server say about the goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    /// One of the servers to compare with is not there, and the goal is not missed beside the other one.
    NotRun,
}

impl Verdict {
    fn of(ratios: [Option<f64>; 2]) -> Self {
        let is_missed = ratios.iter().flatten().any(|ratio| *ratio < GOAL);
        match (is_missed, ratios.iter().all(Option::is_some)) {
            (true, _) => Self::Missed,
            (false, true) => Self::Met,
            (false, false) => Self::NotRun,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "**missed**",
            Self::NotRun => "not run",
        }
    }
}

impl Report {
    pub(crate) fn new(contenders: Vec<Contender>) -> Self {
        Self {
            contenders,
            rows: String::new(),
            notes: String::new(),
            verdicts: Vec::new(),
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
            let (goal, verdict) = match size == GOAL_SIZE && contender.has_goal() {
                true => (
                    format!("\u{2265} {GOAL:.1} of both"),
                    Verdict::of(ratios).text(),
                ),
                false => (String::new(), ""),
            };
            if !goal.is_empty() {
                self.verdicts.push(Verdict::of(ratios));
            }
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

    /// Whether a server that has the goal misses it.
    pub(crate) fn is_missed(&self) -> bool {
        self.verdicts.contains(&Verdict::Missed)
    }

    /// Whether the goal could be judged, by both servers to compare with.
    pub(crate) fn is_complete(&self) -> bool {
        !self.verdicts.is_empty() && !self.verdicts.contains(&Verdict::NotRun)
    }
}

/// Estimates what a server could reach that hashes all it sends and is as fast as nginx otherwise, where all cores are
/// busy with sending.
fn floor(nginx: f64) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let hashing = seconds_to_hash_a_megabyte();
    let sending = 1.0 / nginx;
    let bound = sending / (sending + hashing / cores as f64);
    format!(
        "An estimate, which assumes that all {cores} cores are busy: verified at each read, a server reaches about \
         {bound:.2} of nginx at most. nginx sends 1 MB in {:.2} ms, readers included, and the SHA-256 of it takes \
         {:.2} ms of one core.\n",
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

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [Contender; 3] = [
        Contender::Verified,
        Contender::Hourly,
        Contender::Unverified,
    ];

    /// A report of one size, by the megabytes a second of each server.
    fn report(size: &str, servers: &[(Contender, f64)]) -> Report {
        let contenders = servers.iter().map(|(contender, _)| *contender).collect();
        let reading = |megabytes| Reading {
            megabytes,
            first_byte: 1.0,
        };
        let readings: Vec<_> = servers
            .iter()
            .map(|(_, megabytes)| vec![reading(*megabytes)])
            .collect();
        let mut report = Report::new(contenders);
        report.add(size, &readings);
        report
    }

    fn row(report: &Report, contender: Contender) -> String {
        let text = report.text();
        let mut rows = text.lines();
        let row = rows.find(|row| row.contains(contender.title())).unwrap();
        row.to_owned()
    }

    #[test]
    fn what_was_not_compared_is_neither_met_nor_complete() {
        let servers = [
            (Contender::Hourly, 100.0),
            (Contender::Unverified, 10.0),
            (Contender::ServeDir, 100.0),
        ];
        let without = report(GOAL_SIZE, &servers);
        assert!(row(&without, Contender::Hourly).ends_with("| not run |"));
        assert!(row(&without, Contender::Unverified).ends_with("| **missed** |"));
        assert!(!without.is_complete() && without.is_missed());
        let with = [&servers[..1], &servers[2..], &[(Contender::Nginx, 90.0)]].concat();
        let with = report(GOAL_SIZE, &with);
        assert!(row(&with, Contender::Hourly).ends_with("| met |"));
        assert!(with.is_complete() && !with.is_missed());
        assert!(with.text().contains("An estimate"));
    }

    #[test]
    fn the_verdicts_of_the_rows_are_that_of_the_report() {
        let slow = OURS.map(|contender| (contender, 10.0));
        let others = [(Contender::ServeDir, 100.0), (Contender::Nginx, 100.0)];
        for (contender, has_goal) in OURS.into_iter().zip([false, true, true]) {
            let servers = [&[(contender, 10.0)], &others[..]].concat();
            let report = report(GOAL_SIZE, &servers);
            let is_missed = row(&report, contender).contains("missed");
            assert_eq!((is_missed, report.is_missed()), (has_goal, has_goal));
        }
        let other = report("20 MB", &[&slow[..], &others[..]].concat());
        assert!(!other.is_missed() && !other.text().contains("missed"));
    }
}
