//! Everything that is due, by hand or by a timer.

use std::time::Duration;

use conversation_sdk::ReconcileOptions;
use examples::advice::failed;
use examples::errors::Failure;
use media_storage::{SweepDepth, SweepOptions};
use serde_json::json;

use crate::app::App;
use crate::config::Upkeep;

/// Does it and prints what was done.
///
/// # Errors
/// Where a step failed. The next run takes it up again.
pub(crate) async fn run(app: &App, wanted: &Upkeep) -> Result<(), Failure> {
    let manager = app.manager();
    let upkeep = manager.run_upkeep_once().await.map_err(failed)?;
    let orphans = match wanted.orphan_grace {
        Some(seconds) => {
            let options = ReconcileOptions::new()
                .with_grace(Duration::from_secs(seconds))
                .with_force(wanted.force);
            Some(manager.reconcile(options).await.map_err(failed)?)
        }
        None => None,
    };
    let swept = match wanted.full {
        true => {
            let mut options = SweepOptions::new().with_depth(SweepDepth::Full);
            if let Some(seconds) = wanted.sweep_grace {
                options = options.with_grace(Duration::from_secs(seconds));
            }
            Some(manager.sweep(options).await.map_err(failed)?)
        }
        false => None,
    };
    let done = json!({"upkeep": upkeep, "orphans": orphans, "swept": swept});
    println!("{done}");
    app.close().await;
    let unswept: u64 = swept.iter().flatten().map(|store| store.failed).sum();
    let failure = match upkeep.failures.first() {
        None if unswept == 0 => return Ok(()),
        None => format!("{unswept} items could not be read or removed"),
        Some(first) => first.clone(),
    };
    let advice = "Run it again; what was not done is still due";
    Err(Failure::new(failure, advice))
}
