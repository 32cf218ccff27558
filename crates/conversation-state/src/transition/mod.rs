//! What a write makes of a conversation: the rules that all stores share, without I/O.
//!
//! A store looks up what a [`StateView`] asks for, lets [`judge`] decide, and carries out the
//! [`Plan`] in the same transaction, or in one script that first checks that the record still has
//! the version that was judged. [`Lookups`] says beforehand what a view will be asked.

mod check;
mod creation;
mod judge;
mod lookups;
mod plan;
mod prepare;
mod turns;
mod view;

pub use creation::{creation_known, judge_creation, tombstoned};
pub use judge::{Judgment, judge};
pub use lookups::{LookupResults, Lookups};
pub use plan::{NewMessage, Plan, PlannedCut, PlannedTurn};
pub use prepare::{EncodedMessage, PreparedWrite};
pub use view::{LoggedWrite, StateView, TurnRow};
