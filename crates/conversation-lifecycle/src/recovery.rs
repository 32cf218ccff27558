//! What a manager does by itself, from its first use on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_state::StateError;
use media_types::readable::causes;
use tokio::time::Instant;

use crate::core::Core;
use crate::{finish, upkeep};

/// The lease by which nodes share upkeep.
const LEASE: &str = "upkeep";
/// How often the lease is renewed within its time.
const RENEWALS: u32 = 4;

/// Begins, once per manager, to finish deletions that were begun before, and upkeep where it is
/// configured. Both end with the manager.
pub(crate) fn begin_recovery(core: &Arc<Core>) {
    if core.started.swap(true, Ordering::AcqRel) {
        return;
    }
    let weak = Arc::downgrade(core);
    core.tasks.spawn_background(async move {
        let Some(core) = weak.upgrade() else { return };
        match finish::finish_deletions(&core).await {
            Ok(report) if report.unfinished == 0 => {}
            Ok(report) => {
                let count = report.unfinished;
                tracing::warn!(count, "deletions are unfinished");
            }
            Err(error) => {
                tracing::warn!(error = %causes(&error), "deletions could not be finished")
            }
        }
    });
    if let Some(interval) = core.options.background_upkeep() {
        let weak = Arc::downgrade(core);
        core.tasks.spawn_background(async move {
            let mut since = None;
            loop {
                tokio::time::sleep(with_jitter(interval)).await;
                let Some(core) = weak.upgrade() else { return };
                // Whoever holds the lease does the work of all nodes for this interval.
                match hold(&core, interval).await {
                    Ok(true) => run_held(&core, &mut since, interval).await,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(error = %causes(&error), "upkeep cannot ask the state store")
                    }
                }
            }
        });
    }
}

async fn hold(core: &Core, interval: Duration) -> Result<bool, StateError> {
    let owner = core.node.as_str();
    core.state.acquire_lease(LEASE, owner, interval).await
}

/// Runs upkeep, however long it takes, and ends it when another node holds the lease or may hold it.
async fn run_held(core: &Arc<Core>, since: &mut Option<DateTime<Utc>>, interval: Duration) {
    let mut renewed = Instant::now();
    let mut run = pin!(upkeep::run(core, since));
    loop {
        tokio::select! {
            report = &mut run => {
                tracing::debug!(?report, "upkeep is done");
                return;
            }
            () = tokio::time::sleep(interval / RENEWALS) => {}
        }
        let asked = Instant::now();
        match hold(core, interval).await {
            Ok(true) => renewed = asked,
            Err(error) if renewed.elapsed() < interval - interval / RENEWALS => {
                tracing::warn!(error = %causes(&error), "the lease of upkeep was not renewed");
            }
            Ok(false) | Err(_) => {
                tracing::warn!("upkeep is ended: another node may have its lease");
                return;
            }
        }
    }
}

/// The interval, shorter or longer by up to an eighth, so that nodes do not come all at once.
fn with_jitter(interval: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    interval.mul_f64(0.875 + 0.25 * f64::from(random) / 255.0)
}
