//! What is present, and what it costs.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use media_storage::{Inventory as _, Scope};
use media_store_fs::{Durability, FileStore};

use super::lanes::New;
use super::store::faster;
use super::{Plan, SIZES, fresh, remove};
use crate::bodies::Bodies;
use crate::chart::{self, Line};
use crate::contender::{Contender, Manner, Seat};
use crate::race::{Lane, race};
use crate::report::{Report, Row, grouped, time};
use crate::stats::Samples;
use crate::{Result, machine};

/// Who grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Store,
    Local,
    Cacache,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Store => "`FileStore`",
            Self::Local => "`LocalFileSystem`",
            Self::Cacache => "`cacache`",
        }
    }
}

/// Stores with more and more references present, then opens and walks the largest store.
pub(super) async fn growth(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut lines = Vec::new();
    for kind in [Kind::Store, Kind::Local, Kind::Cacache] {
        let dir = fresh(&plan.dir.join("growth"))?;
        let mut before = Vec::new();
        fill(kind, &dir.join("before").join("0"), 0).await?;
        for (len, _) in SIZES {
            before.push(side_by_side(plan, kind, &dir.join("before"), &[0], len).await?);
        }
        for references in &plan.references {
            fill(kind, &dir.join(references.to_string()), *references).await?;
        }
        let settled = machine::settle().await?.as_secs();
        lines.extend(measure(plan, kind, &dir, &before, settled, report).await?);
        if kind == Kind::Store {
            let largest = plan.references.last().copied().unwrap_or(0);
            let store = dir.join(largest.to_string());
            open_and_walk(plan, &store, largest, report).await?;
        }
        eprintln!("removing what was filled in");
        remove(&dir).await?;
    }
    let svg = chart::draw(
        "Storing 1 MB from base64, Buffered",
        "references present",
        "time by the floor",
        &lines,
    );
    if let Some(docs) = &plan.docs {
        std::fs::write(docs.join("benchmarks-growth.svg"), svg)?;
        report.say("![Time to store 1 MB by the references present](benchmarks-growth.svg)");
    }
    Ok(())
}

/// Stores small media, no two alike, through the contender itself.
async fn fill(kind: Kind, dir: &Path, references: usize) -> Result<()> {
    let start = Instant::now();
    std::fs::create_dir_all(dir)?;
    let contender = match kind {
        Kind::Store => Contender::store(dir, Durability::Buffered, true).await?,
        Kind::Local => Contender::local(dir, Durability::Buffered)?,
        Kind::Cacache => Contender::cacache(dir),
    };
    let mut bodies = Bodies::new(64);
    stream::iter(0..references)
        .map(|n| {
            let (contender, text): (_, Bytes) = (contender.clone(), bodies.base64());
            async move { contender.put(text, Seat::filling(n)).await.map(drop) }
        })
        .buffer_unordered(8)
        .try_collect::<()>()
        .await?;
    contender.warm().await?;
    eprintln!(
        "{}: filled with {} in {:.1} s",
        kind.name(),
        grouped(references as u64),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// What one race showed: the floor, and by name and references present the contender.
struct Raced {
    floor: Samples,
    grown: Vec<(String, Vec<Samples>)>,
}

/// Stores media of a size in directories that lie side by side.
async fn side_by_side(
    plan: &Plan,
    kind: Kind,
    dir: &Path,
    present: &[usize],
    len: usize,
) -> Result<Raced> {
    let floors = fresh(&dir.join("floors"))?;
    let floor =
        |name: &str, manner| Contender::floor(&floors.join(name), Durability::Buffered, manner);
    let mut lanes: Vec<Box<dyn Lane>> = vec![
        New::lane(floor("whole", Manner::Whole)?, len),
        New::lane(floor("pieces", Manner::Pieces)?, len),
    ];
    let mut names = vec![kind.name().to_owned()];
    if kind == Kind::Store {
        names.push(format!("{}, deduplicating", kind.name()));
    }
    for at in 0..names.len() {
        for references in present {
            let dir = dir.join(references.to_string());
            let contender = match kind {
                Kind::Store => Contender::store(&dir, Durability::Buffered, at == 1).await?,
                Kind::Local => Contender::local(&dir, Durability::Buffered)?,
                Kind::Cacache => Contender::cacache(&dir),
            };
            lanes.push(New::lane(contender, len));
        }
    }
    let times = race(&mut lanes, plan.rounds / 2).await?;
    let [whole, pieces, grown @ ..] = times.as_slice() else {
        return Err("no floor".into());
    };
    let grown = grown.chunks(present.len()).map(<[_]>::to_vec);
    Ok(Raced {
        floor: faster(whole, pieces).clone(),
        grown: names.into_iter().zip(grown).collect(),
    })
}

async fn measure(
    plan: &Plan,
    kind: Kind,
    dir: &Path,
    before: &[Raced],
    settled: u64,
    report: &mut Report,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for ((len, size), before) in SIZES.into_iter().zip(before) {
        let mut rows = vec![Row::time(
            "floor, before anything was filled in",
            &before.floor,
        )];
        for (name, samples) in &before.grown {
            let what = format!("{name}, before anything was filled in");
            rows.extend(samples.iter().map(|samples| Row::time(&what, samples)));
        }
        let raced = side_by_side(plan, kind, dir, &plan.references, len).await?;
        rows.push(Row::time("floor", &raced.floor));
        for (name, grown) in &raced.grown {
            let Some(empty) = grown.first() else {
                continue;
            };
            let mut points = Vec::new();
            for (references, samples) in plan.references.iter().zip(grown) {
                let ratio = samples.by(empty).median();
                let present = grouped(*references as u64);
                let mut row =
                    Row::time(format!("{name}, {present} present"), samples).with_ratio(ratio);
                let largest = plan.references.last() == Some(references);
                if kind == Kind::Store && len == 1_000_000 && largest {
                    row = row.with_target("≤ 1.10", ratio <= 1.10);
                } else if kind == Kind::Store && *references == 100_000 {
                    row = row.with_target("≤ 1.30", ratio <= 1.30);
                }
                rows.push(row);
                #[allow(clippy::cast_precision_loss)]
                points.push((*references as f64, samples.by(&raced.floor).median()));
            }
            if len == 1_000_000 {
                lines.push(Line {
                    name: name.replace('`', ""),
                    points,
                });
            }
        }
        report.table(
            &format!("Store {size} with references present, {}", kind.name()),
            &format!("Buffered, by session, after the disk had settled ({settled} s), besides the thousand that every store starts with. The references are of small media, no two alike, stored through the contender itself. The stores of all sizes lie side by side and take turns; a file system that has become fuller has become so for all of them, the floor included, so the same is measured before as well."),
            "by empty",
            &rows,
        );
    }
    Ok(lines)
}

/// Opens and walks the largest store: first with everything in memory, then with nothing.
async fn open_and_walk(
    plan: &Plan,
    dir: &Path,
    references: usize,
    report: &mut Report,
) -> Result<()> {
    let open = async || -> Result<f64> {
        let start = Instant::now();
        let store = FileStore::open(dir).await?;
        let took = start.elapsed().as_secs_f64() * 1e6;
        drop(store);
        Ok(took)
    };
    let store = FileStore::builder(dir)
        .with_deduplication(true)
        .with_durability(Durability::Buffered)
        .build()
        .await?;
    let usage = async || -> Result<f64> {
        let start = Instant::now();
        let usage = store.usage(Scope::All).await?;
        enough("usage", usage.references, references)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let list = async || -> Result<f64> {
        let start = Instant::now();
        let entries = store.list(Scope::All);
        let listed = entries.try_fold(0, |n, _| async move { Ok(n + 1) }).await?;
        enough("list", listed, references)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let export = async || -> Result<f64> {
        let start = Instant::now();
        store.export_dedup_index().await?;
        Ok(start.elapsed().as_secs_f64())
    };
    let mut rows = Vec::new();
    let mut times = Samples::default();
    for _ in 0..plan.rounds {
        times.push(open().await?);
    }
    let met = times.median() <= 5000.0;
    rows.push(Row::time("open", &times).with_target("≤ 5 ms", met));
    let times = Samples::from_iter([usage().await?, usage().await?, usage().await?]);
    rows.push(rated("usage", references, &times, 100_000));
    let times = Samples::from_iter([list().await?, list().await?, list().await?]);
    rows.push(walk("list", references, &times));
    let times = Samples::from_iter([export().await?, export().await?, export().await?]);
    rows.push(rated("index export", references, &times, 10_000));
    let mut times = Samples::default();
    for _ in 0..5 {
        if !machine::drop_caches() {
            break;
        }
        times.push(open().await?);
    }
    if !times.median().is_nan() {
        rows.push(Row::time("open, nothing cached by the system", &times));
        let times = Samples::from_iter([usage().await?]);
        rows.push(walk(
            "usage, nothing cached by the system",
            references,
            &times,
        ));
    }
    report.table(
        &format!(
            "Open and walk, {} references present",
            grouped(references as u64)
        ),
        "Walks go over everything. `usage` looks at files, the others read every sidecar.",
        "",
        &rows,
    );
    Ok(())
}

fn enough(what: &str, found: u64, wanted: usize) -> Result<()> {
    if found < wanted as u64 {
        return Err(format!("{what} found {found} references of {wanted}").into());
    }
    Ok(())
}

fn walk(what: &str, references: usize, seconds: &Samples) -> Row {
    let (least, most) = seconds.spread();
    Row::figure(
        what,
        format!(
            "{} /s, {}",
            rate(references, seconds.median()),
            time(seconds.median() * 1e6)
        ),
    )
    .with_spread(format!("{} – {}", time(least * 1e6), time(most * 1e6)))
}

fn rated(what: &str, references: usize, seconds: &Samples, wanted: u64) -> Row {
    let median = seconds.median();
    #[allow(clippy::cast_precision_loss)]
    let met = references as f64 / median >= wanted as f64;
    walk(what, references, seconds).with_target(format!("≥ {} /s", grouped(wanted)), met)
}

fn rate(references: usize, seconds: f64) -> String {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let rate = (references as f64 / seconds) as u64;
    grouped(rate)
}
