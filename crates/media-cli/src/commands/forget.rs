//! `media forget`: deletes everything of a user, and says so in a receipt.

use std::io::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{Scope, SweepReport, Usage};
use media_types::UserId;
use serde::Serialize;

use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::{Output, escaped};
use crate::quantity::{exact_time, human_bytes, human_count};
use crate::store::{OpenStore, StoreArguments, open_existing};

/// Arguments of `media forget`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// User whose media is deleted.
    #[arg(long, value_name = "ID")]
    user: UserId,

    /// File that the receipt is written to; must not exist.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// Delete. Without this, only say what would be deleted.
    #[arg(long)]
    yes: bool,
}

/// What was deleted, and what was found afterwards.
#[derive(Debug, Serialize)]
struct Receipt {
    receipt_version: u32,
    user: String,
    store: String,
    backend: String,
    started_at: String,
    finished_at: String,
    before: Amount,
    deleted_references: u64,
    freed_bytes: u64,
    failed: u64,
    /// What a new listing of the store finds of the user afterwards.
    remaining_references: u64,
    /// Items whose owner cannot be told because they cannot be read.
    unreadable_items: u64,
    complete: bool,
    not_covered: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Amount {
    references: u64,
    bodies: u64,
    logical_bytes: u64,
}

impl From<Usage> for Amount {
    fn from(usage: Usage) -> Self {
        Self {
            references: usage.references,
            bodies: usage.blobs,
            logical_bytes: usage.logical_bytes,
        }
    }
}

pub(crate) async fn run(arguments: ForgetArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    // Before anything is deleted: a receipt that cannot be written comes too late then.
    let receipt_file = match &arguments.receipt {
        Some(path) if path.symlink_metadata().is_ok() => {
            let shown = escaped(&path.to_string_lossy());
            return Err(Failure::failed(format!(
                "the receipt {shown:?} exists already"
            )));
        }
        Some(path) if arguments.yes => Some(NewFile::create(path)?),
        _ => None,
    };
    let scope = Scope::User(arguments.user.clone());
    let progress = output.progress("looking for media of the user");
    let before = store.inventory()?.usage(scope.clone()).await?;
    drop(progress);
    if !arguments.yes {
        return would_delete(&arguments.user, before, output);
    }
    let started = Utc::now();
    let progress = output.progress("deleting");
    let report = store.inventory()?.delete_scope(scope.clone()).await?;
    drop(progress);
    let progress = output.progress("checking what is left");
    let left = remaining(&store, scope).await?;
    drop(progress);
    let receipt = receipt_of(&arguments.user, &store, started, before, report, left);
    if let Some(mut file) = receipt_file {
        let path = arguments.receipt.as_deref().unwrap_or_else(|| "".as_ref());
        let json = serde_json::to_string_pretty(&receipt)
            .map_err(|error| Failure::failed("the receipt cannot be written").because(error))?;
        writeln!(file, "{json}").map_err(Failure::io("write", path))?;
        file.commit(Existing::Keep)?;
    }
    if output.is_json() {
        output.json(&receipt)?;
    } else {
        output.line(format_args!(
            "deleted {} references, freed {}",
            human_count(receipt.deleted_references),
            human_bytes(receipt.freed_bytes)
        ))?;
        for note in &receipt.not_covered {
            output.note(format_args!("not covered: {note}"));
        }
    }
    if !receipt.complete {
        return Err(Failure::failed(format!(
            "{} references of the user are left, {} items failed, and {} items cannot be read; \
             run `media verify`, then this again",
            receipt.remaining_references, receipt.failed, receipt.unreadable_items
        )));
    }
    Ok(Exit::Fine)
}

fn would_delete(user: &UserId, before: Usage, output: &Output) -> Outcome {
    if output.is_json() {
        output.json(&serde_json::json!({
            "user": user.as_str(),
            "would_delete": Amount::from(before),
        }))?;
    } else {
        output.line(format_args!(
            "would delete {} references, {} of {} distinct bodies",
            human_count(before.references),
            human_bytes(before.logical_bytes),
            human_count(before.blobs)
        ))?;
        output.note("--yes deletes them");
    }
    Ok(Exit::Fine)
}

/// What a listing finds after the deletion: references of the user, and items that cannot be read.
struct Remaining {
    references: u64,
    unreadable: u64,
}

async fn remaining(store: &OpenStore, scope: Scope) -> Outcome<Remaining> {
    let mut left = Remaining {
        references: 0,
        unreadable: 0,
    };
    let mut entries = store.list(scope)?;
    while let Some(entry) = entries.next().await {
        match entry {
            Ok(_) => left.references += 1,
            Err(_) => left.unreadable += 1,
        }
    }
    Ok(left)
}

fn receipt_of(
    user: &UserId,
    store: &OpenStore,
    started: DateTime<Utc>,
    before: Usage,
    report: SweepReport,
    left: Remaining,
) -> Receipt {
    let mut not_covered = vec!["backups, snapshots and copies made outside of this store"];
    if store.files().is_none() {
        not_covered.push("earlier versions, where the bucket keeps versions or deleted objects");
    }
    Receipt {
        receipt_version: 1,
        user: user.as_str().to_owned(),
        store: store.location().to_string(),
        backend: store.storage().backend().to_owned(),
        started_at: exact_time(started),
        finished_at: exact_time(Utc::now()),
        before: before.into(),
        deleted_references: report.deleted,
        freed_bytes: report.freed_bytes,
        failed: report.failed,
        remaining_references: left.references,
        unreadable_items: left.unreadable,
        complete: left.references == 0 && left.unreadable == 0 && report.failed == 0,
        not_covered,
    }
}
