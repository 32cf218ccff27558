//! `media forget`: deletes everything of a user, and says so in a receipt.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use conversation_sdk::{ConversationFilter, ErasureReceipt, StateStore};
use futures_util::StreamExt as _;
use media_storage::{Scope, SweepReport, Usage};
use media_types::UserId;
use serde::Serialize;

use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::{Output, escaped};
use crate::quantity::{counted, exact_time, human_bytes};
use crate::state::{State, StateLocation, failure};
use crate::store::{OpenStore, StoreArguments, open_existing};

/// How long what is being deleted may take at the end.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// Arguments of `media forget`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// User whose media is deleted.
    #[arg(long, value_name = "ID")]
    user: UserId,

    /// Conversation database whose conversations of the user are deleted too: a SQLite file, or
    /// postgres://host/database or redis://host. The user is refused there from now on, for 30 days.
    #[arg(
        long,
        value_name = "DATABASE",
        env = "MEDIA_STATE",
        hide_env_values = true
    )]
    state: Option<StateLocation>,

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
    /// What became of the conversations, where a database was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<ErasureReceipt>,
    /// What a new listing of the store finds of the user afterwards.
    remaining_references: u64,
    /// Items whose owner is unknown because they cannot be read.
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
    let state = match &arguments.state {
        Some(location) => Some(State::open_existing(location).await?),
        None => None,
    };
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
        let conversations = match &state {
            Some(state) => Some(conversations_of(state.store(), &arguments.user).await?),
            None => None,
        };
        return would_delete(&arguments.user, before, conversations, output);
    }
    let started = Utc::now();
    let progress = output.progress("deleting");
    // The conversations first: at no time do they name media that was deleted before them.
    let erased = match state {
        Some(state) => Some(erase(state, &store, &arguments.user).await?),
        None => None,
    };
    let report = store.inventory()?.delete_scope(scope.clone()).await?;
    drop(progress);
    let progress = output.progress("checking what is left");
    let left = remaining(&store, scope).await?;
    drop(progress);
    let receipt = receipt_of(
        &arguments.user,
        &store,
        started,
        before,
        (report, erased),
        left,
    );
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
            "deleted {}, freed {}",
            counted(receipt.deleted_references, "reference"),
            human_bytes(receipt.freed_bytes)
        ))?;
        if let Some(erased) = &receipt.conversations {
            output.line(format_args!(
                "deleted {}",
                counted(erased.conversations, "conversation")
            ))?;
        }
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

/// Deletes the conversations of a user, and what they hold in the store.
async fn erase(state: State, store: &OpenStore, user: &UserId) -> Outcome<ErasureReceipt> {
    let manager = state.manager(store.handle(), None)?;
    let mut receipt = manager.erase_user(user).await.map_err(failure)?;
    // The manager here sends to no provider.
    receipt.providers.clear();
    manager.shutdown(SHUTDOWN).await.map_err(failure)?;
    Ok(receipt)
}

async fn conversations_of(state: &dyn StateStore, user: &UserId) -> Outcome<u64> {
    let mut filter = ConversationFilter::new().with_user(user.clone());
    let mut count = 0;
    loop {
        let page = state.list(&filter).await?;
        count += page.records.len() as u64;
        match page.next {
            Some(next) => filter = filter.with_cursor(Some(next)),
            None => return Ok(count),
        }
    }
}

fn would_delete(
    user: &UserId,
    before: Usage,
    conversations: Option<u64>,
    output: &Output,
) -> Outcome {
    if output.is_json() {
        output.json(&serde_json::json!({
            "user": user.as_str(),
            "would_delete": Amount::from(before),
            "conversations": conversations,
        }))?;
    } else {
        if let Some(conversations) = conversations {
            output.line(format_args!(
                "would delete {}",
                counted(conversations, "conversation")
            ))?;
        }
        output.line(format_args!(
            "would delete {}, {} in all",
            counted(before.references, "reference"),
            human_bytes(before.logical_bytes),
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
    (report, erased): (SweepReport, Option<ErasureReceipt>),
    left: Remaining,
) -> Receipt {
    let is_erased = erased.as_ref().is_none_or(ErasureReceipt::is_complete);
    let in_conversations = erased.iter().flat_map(|erased| &erased.places);
    let (mut references, mut freed) = (report.deleted, report.freed_bytes);
    for place in in_conversations {
        references += place.references;
        freed += place.freed_bytes;
    }
    let mut not_covered = vec!["backups, snapshots and copies made outside of this store"];
    if erased.is_none() {
        not_covered.push("conversations in databases, which --state deletes");
    }
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
        deleted_references: references,
        freed_bytes: freed,
        failed: report.failed,
        conversations: erased,
        remaining_references: left.references,
        unreadable_items: left.unreadable,
        complete: is_erased && left.references == 0 && left.unreadable == 0 && report.failed == 0,
        not_covered,
    }
}
