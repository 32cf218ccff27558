//! The end of conversations and what is left of them: deletion, erasure, reconciliation, upkeep.

mod backfill;
mod delete;
mod end;
mod erase;
mod family;
mod finish;
mod hexadecimal;
mod lease;
mod manager_api;
mod media;
mod receipt;
mod reconcile;
mod reconcile_report;
mod recovery;
mod unnamed;
mod upkeep;
mod upload_slots;

pub(crate) use delete::{delete_conversation, forget_child, on_task};
pub(crate) use end::end_conversation;
pub(crate) use lease::WorkLease;
pub(crate) use media::reference_of;
pub(crate) use recovery::begin_recovery;
pub(crate) use unnamed::delete_unnamed;
pub(crate) use upload_slots::take as take_upload_slot;

pub use receipt::{
    DeletionReceipt, DeletionStatus, ErasureReceipt, FinishedDeletions, Obstacle, PlaceReceipt,
};
pub use reconcile_report::{ReconcileOptions, ReconcileReport, StoreReconciliation};
pub use upkeep::{StoreSweep, UpkeepReport};
