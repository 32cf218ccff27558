//! `media sweep`: removes what is due.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{MediaStorageExt as _, Scope, SweepDepth, SweepOptions, SweepReport};
use serde_json::json;

use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, Table};
use crate::quantity::{human_bytes, human_count, parse_bytes, parse_duration};
use crate::store::{OpenStore, StoreArguments, open_existing};

/// Arguments of `media sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Also look for what interrupted work left: orphans, unreferenced bytes, stale hints. Costs
    /// a walk over everything.
    #[arg(long)]
    full: bool,

    /// With --full, in a bucket: keep the progress there, continue a sweep that was interrupted, and
    /// share the work with others. Sweep without it once a week, which removes the rest.
    #[arg(long, requires = "full")]
    resume: bool,

    /// Delete media stored longer ago than this, whatever its retention. Needs --yes.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: Option<Duration>,

    /// Delete the oldest media until at most this much is kept. Needs --yes.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    capacity: Option<u64>,

    /// Remove nothing; say what would be removed.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,

    /// Delete media that is not due, for --older-than and --capacity.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: SweepArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let deletes_live = arguments.older_than.is_some() || arguments.capacity.is_some();
    let dry_run = arguments.dry_run || deletes_live && !arguments.yes;
    let mut options = SweepOptions::new();
    if dry_run {
        options = options.with_dry_run();
    }
    if arguments.full {
        options = options
            .with_depth(SweepDepth::Full)
            .with_resume(arguments.resume);
    }
    if let Some(capacity) = arguments.capacity {
        options = options.with_capacity(capacity);
    }
    let progress = output.progress("sweeping");
    let aged = match arguments.older_than {
        Some(age) => delete_older(&store, age, dry_run, |n| progress.add(n)).await?,
        None => Aged::default(),
    };
    let report = store.inventory()?.sweep(options).await?;
    drop(progress);
    show(&report, aged, dry_run, output)?;
    if dry_run && !arguments.dry_run {
        output.note("nothing was removed; --yes removes it");
    }
    let failed = report.failed + aged.failed;
    if failed > 0 {
        return Err(Failure::failed(format!(
            "{failed} items could not be read or removed; they are kept"
        )));
    }
    if report.unfinished > 0 {
        let parts = report.unfinished;
        return Err(Failure::failed(format!(
            "{parts} parts of the work are left to other sweeps; sweep again when they have ended"
        )));
    }
    Ok(Exit::Fine)
}

/// What was deleted for its age.
#[derive(Clone, Copy, Debug, Default)]
struct Aged {
    deleted: u64,
    bytes: u64,
    failed: u64,
}

async fn delete_older(
    store: &OpenStore,
    age: Duration,
    dry_run: bool,
    progress: impl Fn(u64),
) -> Outcome<Aged> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    let before = Utc::now() - age;
    let mut aged = Aged::default();
    let mut entries = store.list(Scope::All)?;
    while let Some(entry) = entries.next().await {
        progress(1);
        let entry = match entry {
            Ok(entry) if entry.stored_at < before => entry,
            Ok(_) => continue,
            Err(_) => {
                aged.failed += 1;
                continue;
            }
        };
        if !dry_run && store.storage().delete(&entry.reference).await.is_err() {
            aged.failed += 1;
            continue;
        }
        aged.deleted += 1;
        aged.bytes += entry.reference.size().unwrap_or_default();
    }
    Ok(aged)
}

fn show(report: &SweepReport, aged: Aged, dry_run: bool, output: &Output) -> Outcome<()> {
    if output.is_json() {
        output.json(&json!({
            "dry_run": dry_run,
            "expired": report.expired,
            "older": aged.deleted,
            "pruned": report.pruned,
            "orphans": report.orphans,
            "bodies": report.blobs,
            "staging": report.staging,
            "freed_bytes": report.freed_bytes,
            "stored_in_the_future": report.future,
            "unfinished": report.unfinished,
            "failed": report.failed + aged.failed,
        }))?;
        return Ok(());
    }
    let mut table = Table::of_fields();
    for (name, count) in [
        ("expired", report.expired),
        ("older", aged.deleted),
        ("pruned", report.pruned),
        ("orphans", report.orphans),
        ("unreferenced bodies", report.blobs),
        ("left by interrupted work", report.staging),
        ("stored in the future (kept)", report.future),
        ("parts that other sweeps are doing", report.unfinished),
    ] {
        if count > 0 {
            table.field(name, human_count(count));
        }
    }
    if aged.deleted > 0 {
        table.field("referenced by older", human_bytes(aged.bytes));
    }
    let verb = if dry_run { "would free" } else { "freed" };
    table.field(verb, human_bytes(report.freed_bytes));
    output.table(table)?;
    Ok(())
}
