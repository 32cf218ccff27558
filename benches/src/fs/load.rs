//! Loading.

use media_store_fs::Durability;

use super::lanes::{Form, Load};
use super::{Plan, SIZES, fresh};
use crate::Result;
use crate::bodies::Bodies;
use crate::contender::{Contender, Manner, Seat};
use crate::race::{Lane, race};
use crate::report::{Report, Row};

/// Loads media as base64 text and as bytes.
pub(super) async fn load(plan: &Plan, report: &mut Report) -> Result<()> {
    for (form, name, work) in [
        (Form::Base64, "to base64", "read + hash + encode by hand"),
        (Form::Bytes, "to bytes", "read + hash by hand"),
    ] {
        for (len, size) in SIZES {
            let dir = fresh(&plan.dir.join("load"))?;
            let durability = Durability::Buffered;
            let named = [
                (
                    work,
                    Contender::floor(&dir.join("floor"), durability, Manner::Pieces)?,
                ),
                (
                    "`FileStore`, verified",
                    Contender::store(&dir.join("store"), durability, true).await?,
                ),
                (
                    "`LocalFileSystem`, not verified",
                    Contender::local(&dir.join("local"), durability)?,
                ),
                (
                    "`cacache`, verified",
                    Contender::cacache(&dir.join("cacache")),
                ),
            ];
            let text = Bodies::new(len).base64();
            let mut lanes: Vec<Box<dyn Lane>> = Vec::new();
            for (_, contender) in &named {
                lanes.push(Box::new(Load {
                    contender: contender.clone(),
                    receipt: contender.put(text.clone(), Seat::active(0)).await?,
                    form,
                }));
            }
            let times = race(&mut lanes, plan.rounds * 2).await?;
            let Some(floor) = times.first() else {
                return Err("no floor".into());
            };
            let rows: Vec<Row> = named
                .iter()
                .zip(&times)
                .map(|((name, contender), samples)| {
                    let ratio = samples.by(floor).median();
                    let row = Row::time(*name, samples).with_ratio(ratio);
                    let ours = matches!(contender, Contender::Store(..));
                    let most = match (form, len) {
                        (Form::Base64, 1_000_000) => Some(1.25),
                        (_, 100_000) => Some(1.6),
                        _ => None,
                    };
                    match most.filter(|_| ours) {
                        Some(most) => row.with_target(format!("≤ {most}"), ratio <= most),
                        None => row,
                    }
                })
                .collect();
            report.table(
                &format!("Load {size} {name}"),
                "From the page cache, by the loader for base64 and by the store for bytes.",
                "by hand",
                &rows,
            );
        }
    }
    Ok(())
}
