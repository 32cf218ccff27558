//! `media orphans`: media that no conversation names.

use std::time::Duration;

use clap::Args;
use conversation_sdk::{ReconcileOptions, StoreReconciliation};

use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::quantity::{counted, human_bytes, human_count, parse_duration};
use crate::state::{State, StateArguments, failure};
use crate::store::{StoreArguments, open_existing};

/// Arguments of `media orphans`.
#[derive(Debug, Args)]
pub(crate) struct OrphansArguments {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    state: StateArguments,

    /// How long before now an earlier run must have found media unnamed; longer than any turn.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "24h")]
    grace: Duration,

    /// Delete even if it is more than a tenth of the store's media.
    #[arg(long)]
    force: bool,

    /// Delete. Without this, only say what would be deleted.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: OrphansArguments, output: &Output) -> Outcome {
    let state = State::open_existing(&arguments.state.state).await?;
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    store.inventory()?;
    let mut options = ReconcileOptions::new()
        .with_grace(arguments.grace)
        .with_force(arguments.force);
    if !arguments.yes {
        options = options.with_dry_run();
    }
    let progress = output.progress("comparing");
    let manager = state.manager(store.handle(), None)?;
    let report = manager.reconcile(options).await.map_err(failure)?;
    drop(progress);
    if output.is_json() {
        output.json(&report)?;
    }
    let mut exit = Exit::Fine;
    for found in &report.stores {
        if !output.is_json() {
            say(found, output)?;
        }
        if found.guarded && arguments.yes {
            output.error("more than a tenth of the media is unnamed; --force deletes it");
            exit = Exit::Data;
        }
        if found.failed > 0 {
            let failed = human_count(found.failed);
            return Err(Failure::failed(format!(
                "{failed} items could not be read or deleted"
            )));
        }
    }
    if !arguments.yes && report.stores.iter().any(|found| found.due > 0) {
        output.note("--yes deletes what is due");
    }
    Ok(exit)
}

fn say(found: &StoreReconciliation, output: &Output) -> Outcome<()> {
    output.line(format_args!(
        "{} of this database, {} that no message names",
        counted(found.examined, "media item"),
        human_count(found.unnamed)
    ))?;
    output.line(format_args!(
        "  {} found too lately, {} protected, {} due",
        human_count(found.waiting),
        human_count(found.protected),
        human_count(found.due)
    ))?;
    if found.foreign > 0 {
        output.line(format_args!(
            "  {} of other databases or of no conversation, left alone",
            human_count(found.foreign)
        ))?;
    }
    if found.deleted > 0 {
        output.line(format_args!(
            "  deleted {}, {}",
            human_count(found.deleted),
            human_bytes(found.deleted_bytes)
        ))?;
    }
    Ok(())
}
