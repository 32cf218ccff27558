//! What a comparison found and did.

use conversation_sdk::StoreReconciliation;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::Output;
use crate::quantity::{counted, human_bytes, human_count};

/// What was found in a store, and what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// Media that a name is looked for.
    pub(super) examined: u64,
    /// Media that others name. It is left alone.
    pub(super) foreign: u64,
    pub(super) unnamed: u64,
    /// Found unnamed too lately.
    pub(super) waiting: u64,
    pub(super) protected: u64,
    pub(super) due: u64,
    /// Whether nothing was deleted because it is too much.
    pub(super) guarded: bool,
    pub(super) deleted: u64,
    pub(super) deleted_bytes: u64,
    pub(super) failed: u64,
}

impl From<&StoreReconciliation> for Found {
    fn from(report: &StoreReconciliation) -> Self {
        Self {
            examined: report.examined,
            foreign: report.foreign,
            unnamed: report.unnamed,
            waiting: report.waiting,
            protected: report.protected,
            due: report.due,
            guarded: report.guarded,
            deleted: report.deleted,
            deleted_bytes: report.deleted_bytes,
            failed: report.failed,
        }
    }
}

impl Found {
    /// Says it to people.
    pub(super) fn say(&self, output: &Output) -> Outcome<()> {
        output.line(format_args!(
            "{} looked at, {} that nothing names",
            counted(self.examined, "media item"),
            human_count(self.unnamed)
        ))?;
        output.line(format_args!(
            "  {} found too lately, {} protected, {} due",
            human_count(self.waiting),
            human_count(self.protected),
            human_count(self.due)
        ))?;
        if self.foreign > 0 {
            output.line(format_args!(
                "  {} of others, left alone",
                human_count(self.foreign)
            ))?;
        }
        if self.deleted > 0 {
            output.line(format_args!(
                "  deleted {}, {}",
                human_count(self.deleted),
                human_bytes(self.deleted_bytes)
            ))?;
        }
        Ok(())
    }
}
