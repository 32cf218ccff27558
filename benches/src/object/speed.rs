//! Time, against plain `object_store` and against the same requests by hand, on one server.

use std::sync::Arc;

use super::Plan;
use super::lanes::{Contender, Get, Media, Put, Requests};
use super::server::Server;
use crate::Result;
use crate::bodies::Bodies;
use crate::race::{Lane, race};
use crate::report::{Line, Report, time};
use crate::stats::Samples;

const SIZES: [(usize, &str); 3] = [
    (100_000, "100 KB"),
    (1_000_000, "1 MB"),
    (20_000_000, "20 MB"),
];
const TASKS: [usize; 2] = [1, 8];

/// How much longer than the same requests and hash by hand it may take.
const TARGET: f64 = 1.25;

const COLUMNS: [&str; 6] = [
    "what",
    "median",
    "middle 80 %",
    "MB/s",
    "by plain `object_store`",
    "by the same requests by hand",
];

/// Stores and loads, for each size and number of tasks.
pub(super) async fn speed(plan: &Plan, report: &mut Report) -> Result<()> {
    let server = Server::start(&plan.dir.join("speed")).await?;
    report.say(
        "Time is measured against an S3 server in a process of its own on the same machine, without a proxy; contenders take turns within each round, and ratios are medians of the ratios within rounds. *Plain*: `put` and `get` of `object_store` with the same client settings; it hashes nothing and keeps nothing about the media. *By hand*: SHA-256 on a blocking thread, then as many requests of the same size in the same order, with `object_store`; above 8 MiB in parts, two at a time. Bodies are not signed anywhere, as over TLS. The server is next door and computes an MD5 of everything, so that times are those of processors, not of a network.",
    );
    for (len, size) in SIZES {
        for tasks in TASKS {
            let rounds = rounds(plan, len, tasks);
            let race = Race {
                server: &server,
                len,
                tasks,
                rounds,
            };
            let name = match tasks {
                1 => size.to_owned(),
                _ => format!("{size} by each of {tasks} tasks"),
            };
            race.store(report, &name).await?;
            race.load(report, &name).await?;
        }
    }
    Ok(())
}

/// Larger media and more tasks take turns less often.
fn rounds(plan: &Plan, len: usize, tasks: usize) -> usize {
    let bytes = (len * tasks).max(1_000_000);
    (plan.rounds * 4_000_000 / (bytes + 3_000_000)).max(8)
}

struct Race<'a> {
    server: &'a Server,
    len: usize,
    tasks: usize,
    rounds: usize,
}

/// A row: who, in which lane the same requests by hand are.
type Entry = (&'static str, Option<usize>);

impl Race<'_> {
    async fn contenders(&self) -> Result<[Contender; 3]> {
        let access = &self.server.access;
        let single = access.media_store("single").build().await?;
        let shared = access.media_store("shared").with_deduplication(true);
        Ok([
            Contender::Plain(Arc::new(access.plain()?)),
            Contender::Store(single),
            Contender::Store(shared.build().await?),
        ])
    }

    fn hand(&self, requests: Requests) -> Result<Contender> {
        let bucket = Arc::new(self.server.access.plain()?);
        Ok(Contender::ByHand(bucket, requests))
    }

    async fn store(&self, report: &mut Report, name: &str) -> Result<()> {
        let [plain, single, shared] = self.contenders().await?;
        let same = Bodies::new(self.len).bytes();
        // Someone else holds the bytes throughout.
        shared.put(same.clone()).await?;
        let new = |contender| (contender, Media::New(Bodies::new(self.len)));
        let entries: [(Entry, (Contender, Media)); 8] = [
            (("plain `put`", None), new(plain)),
            (("SHA-256 alone", None), new(Contender::Hash)),
            (
                ("not shared, by hand", None),
                new(self.hand(Requests::Single)?),
            ),
            (("not shared", Some(2)), new(single)),
            (
                ("shared, new, by hand", None),
                new(self.hand(Requests::New)?),
            ),
            (("shared, new", Some(4)), new(shared.clone())),
            (
                ("shared, duplicate, by hand", None),
                (self.hand(Requests::Duplicate)?, Media::Same(same.clone())),
            ),
            (("shared, duplicate", Some(6)), (shared, Media::Same(same))),
        ];
        let mut names = Vec::new();
        let mut lanes: Vec<Box<dyn Lane>> = Vec::new();
        for (entry, (contender, media)) in entries {
            names.push(entry);
            lanes.push(Box::new(Put {
                contender,
                media,
                tasks: self.tasks,
            }));
        }
        let times = race(&mut lanes, self.rounds).await?;
        self.report(report, &format!("Store {name}"), &names, &times);
        Ok(())
    }

    async fn load(&self, report: &mut Report, name: &str) -> Result<()> {
        let [plain, single, shared] = self.contenders().await?;
        let entries: [(Entry, Contender); 4] = [
            (("plain `get`", None), plain),
            (("verified, by hand", None), self.hand(Requests::Single)?),
            (("not shared, verified", Some(1)), single),
            (("shared, verified", Some(1)), shared),
        ];
        let mut names = Vec::new();
        let mut lanes: Vec<Box<dyn Lane>> = Vec::new();
        for (entry, contender) in entries {
            names.push(entry);
            let receipt = contender.put(Bodies::new(self.len).bytes()).await?;
            lanes.push(Box::new(Get {
                contender,
                receipt,
                tasks: self.tasks,
            }));
        }
        let times = race(&mut lanes, self.rounds).await?;
        self.report(report, &format!("Load {name}"), &names, &times);
        Ok(())
    }

    fn report(&self, report: &mut Report, heading: &str, names: &[Entry], times: &[Samples]) {
        let Some(plain) = times.first() else {
            return;
        };
        #[allow(clippy::cast_precision_loss)]
        let bytes = (self.len * self.tasks) as f64;
        let lines: Vec<Line> = names
            .iter()
            .zip(times)
            .map(|((name, hand), samples)| {
                let (low, high) = samples.spread();
                let by_hand = hand.and_then(|at| times.get(at));
                let by_hand = by_hand.map(|hand| samples.by(hand).median());
                let line = Line::new([
                    (*name).to_owned(),
                    time(samples.median()),
                    format!("{} – {}", time(low), time(high)),
                    format!("{:.0}", bytes / samples.median()),
                    format!("{:.2}", samples.by(plain).median()),
                    by_hand.map_or(String::new(), |ratio| format!("{ratio:.2}")),
                ]);
                match by_hand {
                    Some(ratio) => line.with_target(format!("≤ {TARGET} by hand"), ratio <= TARGET),
                    None => line,
                }
            })
            .collect();
        let note = format!("{} rounds.", self.rounds);
        report.lines(heading, &note, &COLUMNS, &lines);
    }
}
