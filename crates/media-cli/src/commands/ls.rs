//! `media ls`: the references of a store.

use chrono::Utc;
use clap::Args;
use futures_util::StreamExt as _;

use crate::failure::{Exit, Outcome};
use crate::output::Output;
use crate::quantity::{human_bytes, human_count};
use crate::record::{EntryRecord, entry_line};
use crate::store::{Selection, StoreArguments, open_existing};

/// Arguments of `media ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    selection: Selection,

    /// Print ids only.
    #[arg(long, conflicts_with = "json")]
    ids: bool,

    /// Stop after this many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

pub(crate) async fn run(arguments: LsArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let mut entries = store.list(arguments.selection.scope())?;
    let (mut count, mut bytes, mut damaged) = (0_u64, 0_u64, 0_u64);
    while arguments.limit.is_none_or(|limit| count < limit)
        && let Some(entry) = entries.next().await
    {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.kind() == media_storage::StorageErrorKind::Corrupted => {
                damaged += 1;
                output.warn(&error);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if !arguments.selection.includes(&entry) {
            continue;
        }
        count += 1;
        bytes += entry.reference.size().unwrap_or_default();
        if output.is_json() {
            output.json_line(&EntryRecord::from(&entry))?;
        } else if arguments.ids {
            output.line(entry.reference.id())?;
        } else {
            output.line(entry_line(&entry, Utc::now()))?;
        }
    }
    if !output.is_json() && !arguments.ids {
        let plural = if count == 1 { "" } else { "s" };
        output.note(format_args!(
            "{} reference{plural}, {}",
            human_count(count),
            human_bytes(bytes)
        ));
    }
    Ok(if damaged > 0 { Exit::Data } else { Exit::Fine })
}
