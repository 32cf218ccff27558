//! One content with many references.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use media_store_fs::Durability;

use super::lanes::{Again, Delete};
use super::{Plan, fresh, remove};
use crate::bodies::Bodies;
use crate::contender::{Contender, Seat};
use crate::race::{Lane, race};
use crate::report::{Report, Row, grouped};
use crate::{Result, machine};

/// Stores and deletes references to content that has one or many.
pub(super) async fn links(plan: &Plan, report: &mut Report) -> Result<()> {
    let dir = fresh(&plan.dir.join("links"))?;
    let store = Contender::store(&dir, Durability::Buffered, true).await?;
    let mut bodies = Bodies::new(100_000);
    let (few, many) = (bodies.base64(), bodies.base64());
    store.put(few.clone(), Seat::active(0)).await?;
    stream::iter(0..plan.links)
        .map(|n| {
            let (store, text) = (store.clone(), many.clone());
            async move { store.put(text, Seat::filling(n)).await.map(drop) }
        })
        .buffer_unordered(8)
        .try_collect::<()>()
        .await?;
    machine::settle().await?;
    let again = |text: &bytes::Bytes| -> Box<dyn Lane> {
        Box::new(Again {
            contender: store.clone(),
            text: text.clone(),
            turn: 0,
        })
    };
    let delete = |text: &bytes::Bytes| -> Box<dyn Lane> {
        Box::new(Delete {
            contender: store.clone(),
            text: text.clone(),
        })
    };
    let mut lanes = vec![again(&few), again(&many), delete(&few), delete(&many)];
    let times = race(&mut lanes, plan.rounds).await?;
    if let [store_few, store_many, delete_few, delete_many] = times.as_slice() {
        let links = grouped(plan.links as u64);
        let mut rows = Vec::new();
        for (verb, few, many) in [
            ("store", store_few, store_many),
            ("delete", delete_few, delete_many),
        ] {
            let ratio = many.by(few).median();
            rows.push(Row::time(format!("{verb}, 1 reference"), few).with_ratio(1.0));
            rows.push(
                Row::time(format!("{verb}, {links} references"), many)
                    .with_ratio(ratio)
                    .with_target("≤ 2", ratio <= 2.0),
            );
        }
        report.table(
            "One content with many references",
            "100 KB, Buffered. A file of this file system has a limit of names (65,000 on ext4); the store goes on with another file.",
            "by one reference",
            &rows,
        );
    }
    drop(store);
    remove(&dir).await?;
    Ok(())
}
