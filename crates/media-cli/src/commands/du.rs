//! `media du`: who or what takes how much space.

use clap::Args;
use futures_util::StreamExt as _;
use media_storage::Scope;
use serde_json::json;

use crate::failure::{Exit, Outcome};
use crate::output::{Align, Output, Table, escaped};
use crate::quantity::{human_bytes, human_count};
use crate::shares::{Grouping, Shares};
use crate::store::{Selection, StoreArguments, open_existing};

/// Arguments of `media du`.
#[derive(Debug, Args)]
pub(crate) struct DuArguments {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    selection: Selection,

    /// What to group by.
    #[arg(long, value_enum, default_value_t = Grouping::User)]
    by: Grouping,

    /// Show the largest groups only, this many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    top: usize,
}

pub(crate) async fn run(arguments: DuArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let mut shares = Shares::new(store.shares_bytes());
    // Who else refers to the same bytes is known only after all of the store was read.
    let scope = match store.shares_bytes() {
        true => Scope::All,
        false => arguments.selection.scope(),
    };
    let progress = output.progress("reading");
    let mut damaged = 0_u64;
    let mut entries = store.list(scope)?;
    while let Some(entry) = entries.next().await {
        match entry {
            Ok(entry) if arguments.selection.includes(&entry) => {
                shares.add(arguments.by.of(&entry), &entry);
            }
            Ok(entry) => shares.add_other(&entry),
            Err(error) if error.kind() == media_storage::StorageErrorKind::Corrupted => {
                damaged += 1
            }
            Err(error) => return Err(error.into()),
        }
        progress.add(1);
    }
    drop(progress);
    let mut groups = shares.finish();
    if arguments.by == Grouping::Day {
        groups.sort_by(|(a, _), (b, _)| b.cmp(a));
    }
    let left = groups.len().saturating_sub(arguments.top);
    groups.truncate(arguments.top);
    if output.is_json() {
        for (group, share) in &groups {
            output.json_line(&json!({
                arguments.by.name(): group,
                "references": share.references,
                "seen_bytes": share.seen,
                "stored_bytes": share.stored,
                "alone_bytes": share.alone,
            }))?;
        }
    } else {
        let mut table = Table::new([
            (arguments.by.name(), Align::Left),
            ("references", Align::Right),
            ("seen", Align::Right),
            ("stored", Align::Right),
            ("alone", Align::Right),
        ]);
        for (group, share) in &groups {
            let name = if group.is_empty() {
                "(none)".to_owned()
            } else {
                escaped(group)
            };
            table.row([
                name,
                human_count(share.references),
                human_bytes(share.seen),
                human_bytes(share.stored),
                human_bytes(share.alone),
            ]);
        }
        if !table.is_empty() {
            output.table(table)?;
        }
        if left > 0 {
            output.note(format_args!(
                "and {} smaller groups (--top)",
                human_count(left as u64)
            ));
        }
    }
    if damaged > 0 {
        output.warn(format_args!(
            "{damaged} references cannot be read and are not counted"
        ));
        return Ok(Exit::Data);
    }
    Ok(Exit::Fine)
}
