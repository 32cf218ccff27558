//! Storing: new media, and media that is there already.

use media_store_fs::Durability;

use super::lanes::{Again, DecodeAndHash, New};
use super::{Plan, SIZES, fresh};
use crate::bodies::Bodies;
use crate::contender::{Contender, Manner, Seat};
use crate::race::{Lane, race};
use crate::report::{Report, Row, time};
use crate::stats::Samples;
use crate::{Result, machine};

/// The faster of two, by the median.
pub(super) fn faster<'a>(one: &'a Samples, two: &'a Samples) -> &'a Samples {
    if one.median() <= two.median() {
        one
    } else {
        two
    }
}

fn word(durability: Durability) -> &'static str {
    match durability {
        Durability::Buffered => "Buffered",
        _ => "Synced",
    }
}

/// Stores media that was not there.
pub(super) async fn new_media(plan: &Plan, report: &mut Report) -> Result<()> {
    for durability in [Durability::Buffered, Durability::Synced] {
        for (len, size) in SIZES {
            let dir = fresh(&plan.dir.join("store"))?;
            let buffered = durability == Durability::Buffered;
            let floor = |name: &str, manner| Contender::floor(&dir.join(name), durability, manner);
            let mut named = vec![
                ("floor, whole", floor("whole", Manner::Whole)?),
                ("floor, in pieces", floor("pieces", Manner::Pieces)?),
                (
                    "`FileStore`",
                    Contender::store(&dir.join("plain"), durability, false).await?,
                ),
                (
                    "`FileStore`, deduplicating",
                    Contender::store(&dir.join("dedup"), durability, true).await?,
                ),
                (
                    "`LocalFileSystem`",
                    Contender::local(&dir.join("local"), durability)?,
                ),
            ];
            if buffered {
                named.push(("`cacache`", Contender::cacache(&dir.join("cacache"))));
            }
            for (_, contender) in &named {
                contender.warm().await?;
            }
            let mut lanes: Vec<Box<dyn Lane>> = named
                .iter()
                .map(|(_, contender)| New::lane(contender.clone(), len))
                .collect();
            let rounds = if buffered {
                plan.rounds
            } else {
                plan.synced_rounds
            };
            let times = race(&mut lanes, rounds).await?;
            let [whole, pieces, ..] = times.as_slice() else {
                return Err("no floor".into());
            };
            let floor = faster(whole, pieces);
            let rows: Vec<Row> = named
                .iter()
                .zip(&times)
                .map(|((name, contender), samples)| {
                    let ratio = samples.by(floor).median();
                    let row = Row::time(*name, samples).with_ratio(ratio);
                    let ours = matches!(contender, Contender::Store(..));
                    let most = match (buffered, len) {
                        (true, 1_000_000) => 1.25,
                        (true, _) => 1.4,
                        (false, 1_000_000) => 1.2,
                        (false, _) => 1.5,
                    };
                    match ours {
                        true => row.with_target(format!("≤ {most}"), ratio <= most),
                        false => row,
                    }
                })
                .collect();
            report.table(
                &format!("Store {size} from base64, new, {}", word(durability)),
                if buffered {
                    "Nothing waits for the disk."
                } else {
                    "The floor and `LocalFileSystem` sync the file and its directory; the store also its sidecar."
                },
                "by the floor",
                &rows,
            );
        }
    }
    Ok(())
}

/// Stores media that is there already.
pub(super) async fn again(plan: &Plan, report: &mut Report) -> Result<()> {
    for durability in [Durability::Buffered, Durability::Synced] {
        for (len, size) in SIZES {
            let dir = fresh(&plan.dir.join("again"))?;
            let buffered = durability == Durability::Buffered;
            let text = Bodies::new(len).base64();
            let by_hand = |manner, off_runtime| -> Box<dyn Lane> {
                Box::new(DecodeAndHash {
                    text: text.clone(),
                    manner,
                    sync_in: (!buffered).then(|| dir.clone()),
                    off_runtime,
                })
            };
            let store = Contender::store(&dir.join("dedup"), durability, true).await?;
            let mut others = vec![
                ("`FileStore`, deduplicating", store.clone()),
                (
                    "`LocalFileSystem`",
                    Contender::local(&dir.join("local"), durability)?,
                ),
            ];
            if buffered {
                others.push(("`cacache`", Contender::cacache(&dir.join("cacache"))));
            }
            let mut lanes = vec![
                by_hand(Manner::Whole, false),
                by_hand(Manner::Pieces, false),
                by_hand(Manner::Pieces, true),
            ];
            for (_, contender) in &others {
                contender.warm().await?;
                // The one that the others repeat.
                contender.put(text.clone(), Seat::active(0)).await?;
                lanes.push(Box::new(Again {
                    contender: contender.clone(),
                    text: text.clone(),
                    turn: 0,
                }));
            }
            let rounds = if buffered {
                plan.rounds
            } else {
                plan.synced_rounds
            };
            let times = race(&mut lanes, rounds).await?;
            let [whole, pieces, off_runtime, ours, ..] = times.as_slice() else {
                return Err("no floor".into());
            };
            let by_hand = faster(whole, pieces);
            let work = if buffered {
                "decode + hash by hand"
            } else {
                "decode + hash + 2 fsyncs by hand"
            };
            let mut rows = vec![
                Row::time(work, by_hand).with_ratio(1.0),
                Row::time(format!("{work}, on a blocking thread"), off_runtime)
                    .with_ratio(off_runtime.by(by_hand).median()),
            ];
            for ((name, _), samples) in others.iter().zip(times.iter().skip(3)) {
                rows.push(Row::time(*name, samples).with_ratio(samples.by(by_hand).median()));
            }
            let above = ours.less(by_hand);
            let what = format!("`FileStore` above {work}");
            rows.push(Row::time(what, &above).with_target("≤ 150 µs", above.median() <= 150.0));
            let written = bytes_for_one(&store, &text).await?;
            rows.push(
                Row::figure("bytes that it writes", written.to_string())
                    .with_target("no media", written < 4096),
            );
            report.table(
                &format!("Store {size} from base64, duplicate, {}", word(durability)),
                "The body comes whole, and the store has it already.",
                "by hand",
                &rows,
            );
        }
    }
    Ok(())
}

async fn bytes_for_one(store: &Contender, text: &bytes::Bytes) -> Result<u64> {
    const TIMES: u64 = 10;
    let before = machine::bytes_written();
    for _ in 0..TIMES {
        store.put(text.clone(), Seat::active(0)).await?;
    }
    Ok((machine::bytes_written() - before) / TIMES)
}

/// Stores media of the size of a photo on a page, in few and in many conversations.
pub(super) async fn medium(plan: &Plan, report: &mut Report) -> Result<()> {
    const LEN: usize = 200 * 1024;
    const MANY: usize = 1000;
    let mut rows = Vec::new();
    let dir = fresh(&plan.dir.join("medium"))?;
    for durability in [Durability::Buffered, Durability::Synced] {
        let buffered = durability == Durability::Buffered;
        let store = Contender::store(&dir.join(word(durability)), durability, true).await?;
        store.warm().await?;
        for n in 0..MANY {
            let text = Bodies::new(64).base64();
            store.put(text, Seat::among(MANY, n)).await?;
        }
        let floor = dir.join(format!("floor-{}", word(durability)));
        let mut lanes = vec![
            New::lane(Contender::floor(&floor, durability, Manner::Pieces)?, LEN),
            New::lane(store.clone(), LEN),
            New::among(MANY, store, LEN),
        ];
        let rounds = if buffered {
            plan.rounds
        } else {
            plan.synced_rounds
        };
        let times = race(&mut lanes, rounds).await?;
        let [floor, few, many] = times.as_slice() else {
            return Err("a lane is missing".into());
        };
        // Two fsyncs are in the floor; half of it is about the third.
        let (limit, target) = if buffered {
            (1500.0, "≤ 1.5 ms".to_owned())
        } else {
            let three = floor.median() * 1.5;
            let target = format!("≤ 3 fsyncs ({}) + 1 ms", time(three));
            (three + 1000.0, target)
        };
        let named = |what: &str| format!("{what}, {}", word(durability));
        rows.push(Row::time(named("floor"), floor).with_ratio(1.0));
        rows.push(
            Row::time(named("8 conversations in turn"), few)
                .with_ratio(few.by(floor).median())
                .with_target(target, few.median() <= limit),
        );
        rows.push(
            Row::time(named("1,000 conversations in turn"), many)
                .with_ratio(many.by(floor).median()),
        );
    }
    report.table(
        "Store 200 KiB, deduplicating, new",
        "A store keeps 64 directories open; beyond that it opens them again, and syncs the one above before it relies on them.",
        "by the floor",
        &rows,
    );
    Ok(())
}
