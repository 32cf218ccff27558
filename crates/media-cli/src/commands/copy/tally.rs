//! What was copied, and how that is reported.

use serde_json::json;

use crate::failure::Outcome;
use crate::output::Output;
use crate::quantity::{human_bytes, human_count};

/// What became of the items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) copied: u64,
    pub(super) copied_bytes: u64,
    pub(super) present: u64,
    pub(super) before: u64,
    pub(super) expired: u64,
    pub(super) deleted: u64,
    pub(super) failed: u64,
}

/// Prints the tally.
pub(super) fn show(tally: Tally, output: &Output) -> Outcome<()> {
    if output.is_json() {
        output.json(&json!({
            "copied": tally.copied,
            "copied_bytes": tally.copied_bytes,
            "present": tally.present,
            "copied_before": tally.before,
            "expired": tally.expired,
            "deleted": tally.deleted,
            "failed": tally.failed,
        }))?;
        return Ok(());
    }
    let mut parts = vec![format!(
        "copied {} items, {}",
        human_count(tally.copied),
        human_bytes(tally.copied_bytes)
    )];
    for (count, what) in [
        (tally.before, "copied before"),
        (tally.present, "present already"),
        (tally.expired, "expired"),
        (tally.deleted, "deleted in the meantime"),
        (tally.failed, "failed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", human_count(count)));
        }
    }
    output.line(parts.join(", "))?;
    Ok(())
}
