//! Tests that every state store has to pass.
//!
//! A store is given as a [`Harness`], and [`state_conformance!`](crate::state_conformance) makes a
//! test of each [`Scenario`]:
//!
//! ```
//! use conversation_state::conformance::MemoryHarness;
//!
//! conversation_state::state_conformance!(MemoryHarness::new());
//! ```
//!
//! [`FaultyState`] makes any store fail as networks do, for tests of what uses one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "scenarios fail by panicking"
)]

mod creation;
mod deletion;
mod edits;
mod faults;
mod faulty;
mod fences;
mod harness;
mod history;
mod lists;
mod references;
mod replays;
mod steps;
mod tolerance;
mod turns;
mod upkeep;

pub use faulty::{Fault, FaultyState, Operation, StateCounts};
pub use harness::{Harness, ManualClock, MemoryHarness, Scenario, ScenarioFuture};

/// Hands the names of all scenarios to a macro. Not public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __state_scenarios {
    ($macro:ident $(, $argument:expr)?) => {
        $crate::$macro! { $($argument;)?
            creation::a_conversation_is_created_once,
            creation::a_key_belongs_to_one_conversation_of_a_user,
            creation::identity_and_state_survive_reopening,
            creation::ids_are_data,
            history::what_is_written_is_read_back_exactly,
            history::windows_read_what_they_name,
            history::windows_count_turns_in_context,
            history::windows_count_messages_without_a_turn_from_user_to_user,
            edits::replaced_messages_keep_their_place,
            edits::cut_off_messages_are_kept_on_a_branch,
            edits::removed_messages_are_gone_with_their_turns,
            edits::a_turn_that_ends_with_its_cut_goes_with_it,
            history::planner_rows_are_apart,
            turns::a_turn_goes_from_begin_to_finish,
            turns::a_suspended_turn_holds_no_lease_and_goes_on,
            turns::a_begin_over_a_current_turn_is_a_conflict,
            turns::a_lease_is_taken_over_only_after_its_end,
            turns::a_renewed_lease_is_not_taken_over,
            turns::the_end_of_a_lease_never_moves_back,
            turns::an_owner_whose_epoch_was_taken_writes_no_more,
            turns::an_idempotency_key_names_one_turn,
            turns::a_wish_to_cancel_stays,
            fences::renewals_and_fields_leave_the_head_alone,
            fences::a_write_on_another_version_changes_nothing,
            fences::of_racing_writes_one_wins,
            fences::refused_writes_change_nothing,
            fences::values_beyond_their_limits_are_refused,
            replays::a_replay_returns_what_the_write_made,
            replays::a_replay_after_foreign_writes_is_known,
            replays::an_unknown_write_on_a_known_base_is_a_conflict,
            replays::a_replay_after_truncation_is_known,
            replays::a_write_for_a_purged_conversation_never_fits_its_successor,
            replays::a_day_and_a_thousand_versions_are_known,
            replays::a_write_from_a_later_version_is_indeterminate,
            faults::a_lost_answer_is_found_by_repetition,
            faults::a_late_write_after_a_conflict_stays_out,
            faults::a_write_that_arrives_twice_is_applied_once,
            faults::a_dropped_write_is_done_or_not_done,
            deletion::a_tombstone_stops_every_write,
            deletion::a_deleted_id_stays_refused_for_its_time,
            deletion::purging_removes_everything,
            lists::filters_find_what_they_name,
            lists::a_list_by_creation_has_each_once,
            lists::a_list_by_change_has_each_at_least_once,
            lists::edited_cursors_are_refused,
            references::messages_are_found_by_their_references,
            references::references_of_a_conversation_are_paged,
            references::unnamed_references_are_remembered_until_named,
            references::what_was_unnamed_long_ago_is_forgotten,
            tolerance::what_this_version_does_not_know_survives,
            tolerance::unreadable_messages_are_never_rewritten,
            tolerance::sixteen_mebibytes_of_text_survive,
            upkeep::fences_of_users_end,
            upkeep::a_named_lease_has_one_owner,
        }
    };
}

/// Makes a slice of all scenarios. Not public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __state_scenario_list {
    ($($module:ident::$name:ident,)*) => {
        &[$($crate::conformance::Scenario {
            name: stringify!($name),
            run: |harness| ::std::boxed::Box::pin($module::$name(harness)),
        },)*]
    };
}

/// Makes a test of each scenario. Not public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __state_scenario_tests {
    ($harness:expr; $($module:ident::$name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let harness = $harness;
                $crate::conformance::scenario(stringify!($name), &harness).await;
            }
        )*
    };
}

/// Makes one test of each promise of [`StateStore`](crate::StateStore). The argument is an
/// expression of a [`Harness`], which may await; each test evaluates it anew. The tests need tokio
/// with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! state_conformance {
    ($harness:expr) => {
        $crate::__state_scenarios!(__state_scenario_tests, $harness);
    };
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = crate::__state_scenarios!(__state_scenario_list);

/// Runs a scenario by its name.
///
/// # Panics
/// If the store does not pass, or there is no such scenario.
pub async fn scenario(name: &str, harness: &dyn Harness) {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    (scenario.expect("a known scenario").run)(harness).await;
}
