//! Upkeep: everything that is due, once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use conversation_state::{ConversationFilter, ConversationStatus, MediaStoreName};
use media_storage::{SweepOptions, SweepReport};
use media_types::readable::causes;
use serde::Serialize;

use crate::backfill::backfill;
use crate::core::Core;
use crate::delete::delete;
use crate::error::LifecycleError;
use crate::event::LifecycleEvent;
use crate::finish::finish_deletions;
use crate::receipt::FinishedDeletions;
use crate::reconcile::reconcile;
use crate::reconcile_report::{ReconcileOptions, ReconcileReport};
use crate::stores::name_of;

/// How long a conversation may take from one step of its creation to the next.
const MAX_CREATION: Duration = Duration::from_secs(60 * 60);
/// How many conversations are listed at a time.
const PAGE: usize = 100;

/// What one run of upkeep did. A step that fails keeps no other from running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpkeepReport {
    /// What was swept from stores that can list what they hold.
    pub sweeps: Vec<StoreSweep>,
    /// Deletions that were begun before.
    pub deletions: Option<FinishedDeletions>,
    /// Branches that were never finished and are gone.
    pub abandoned_branches: u64,
    /// Media that no state names.
    pub reconciliation: Option<ReconcileReport>,
    /// Messages whose inline media is in the store now.
    pub externalized_messages: u64,
    /// What failed, step by step. It is tried again with the next run.
    pub failures: Vec<String>,
}

/// What was swept from one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreSweep {
    /// The store.
    pub store: MediaStoreName,
    /// References whose time had come.
    pub expired: u64,
    /// References that were deleted to get below the capacity.
    pub pruned: u64,
    /// References that were due but are on hold.
    pub held: u64,
    /// Items that could not be read or removed.
    pub failed: u64,
    /// The bytes of storage that became free.
    pub freed_bytes: u64,
}

impl StoreSweep {
    fn new(store: MediaStoreName, report: &SweepReport) -> Self {
        Self {
            store,
            expired: report.expired,
            pruned: report.pruned,
            held: report.held,
            failed: report.failed,
            freed_bytes: report.freed_bytes,
        }
    }
}

/// Does everything that is due. `since` is from when on conversations are looked through for inline
/// media.
pub(crate) async fn run(core: &Arc<Core>, since: &mut Option<DateTime<Utc>>) -> UpkeepReport {
    let mut report = UpkeepReport::default();
    let failures = &mut report.failures;
    report.deletions = note(failures, "deletions", finish_deletions(core).await);
    let removed = remove_abandoned(core, &mut report.abandoned_branches).await;
    note(failures, "branches", removed);
    let reconciled = reconcile(core, &ReconcileOptions::new()).await;
    report.reconciliation = note(failures, "reconciliation", reconciled);
    if core.options.externalize_history()
        && let Some(externalizer) = &core.externalizer
    {
        let done = backfill(core, externalizer, *since).await;
        if let Some(done) = note(failures, "inline media", done) {
            report.externalized_messages = done.written;
            *since = done.next;
            note(failures, "inline media", done.failure.map_or(Ok(()), Err));
        }
    }
    for store in core.stores.all() {
        let name = name_of(store);
        if let Some(inventory) = store.inventory() {
            let swept = inventory.sweep(SweepOptions::new()).await;
            let swept = swept.map_err(LifecycleError::from);
            if let Some(swept) = note(failures, "sweep", swept) {
                note_expired(core, &swept);
                report.sweeps.push(StoreSweep::new(name, &swept));
            }
        }
    }
    if report
        .reconciliation
        .as_ref()
        .is_some_and(ReconcileReport::is_guarded)
    {
        core.warn(
            "more than a tenth of the media of a store is named by no state; it is kept until \
             reconciliation is forced",
        );
    }
    report
}

/// Sweeps every store that can list what it holds.
///
/// # Errors
/// The first failure of a store, after all were tried.
pub(crate) async fn sweep(
    core: &Core,
    options: SweepOptions,
) -> Result<Vec<StoreSweep>, LifecycleError> {
    let mut sweeps = Vec::new();
    let mut failure = None;
    for store in core.stores.all() {
        let Some(inventory) = store.inventory() else {
            continue;
        };
        match inventory.sweep(options).await {
            Ok(swept) => {
                if !options.dry_run() {
                    note_expired(core, &swept);
                }
                sweeps.push(StoreSweep::new(name_of(store), &swept));
            }
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(sweeps),
    }
}

fn note_expired(core: &Core, swept: &SweepReport) {
    if swept.expired > 0 {
        let expired = LifecycleEvent::MediaExpired {
            references: swept.expired,
            freed_bytes: swept.freed_bytes,
        };
        core.observer.on_event(&expired);
    }
}

fn note<T>(
    failures: &mut Vec<String>,
    step: &str,
    outcome: Result<T, LifecycleError>,
) -> Option<T> {
    outcome
        .inspect_err(|error| {
            tracing::warn!(step, error = %causes(&error), "a step of upkeep failed");
            failures.push(format!("{step}: {error}"));
        })
        .ok()
}

/// Deletes branches that were begun so long ago that nobody is at them any more, and counts them.
///
/// # Errors
/// The first failure, after everything else was tried.
async fn remove_abandoned(core: &Arc<Core>, removed: &mut u64) -> Result<(), LifecycleError> {
    let mut filter = ConversationFilter::new()
        .with_status(ConversationStatus::Creating)
        .with_limit(PAGE);
    let age = TimeDelta::from_std(MAX_CREATION).unwrap_or(TimeDelta::MAX);
    let now = core.state.now().await?;
    let mut failure = None;
    loop {
        let page = core.state.list(&filter).await?;
        for record in &page.records {
            if now - record.updated_at < age {
                continue;
            }
            match delete(core, &record.id).await {
                Ok(receipt) => *removed += u64::from(receipt.is_complete()),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match page.next {
            Some(next) => filter = filter.with_cursor(Some(next)),
            None => return failure.map_or(Ok(()), Err),
        }
    }
}
