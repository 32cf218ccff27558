//! Stores with one mistake each, which the suite has to find.

mod store;

use conversation_state::conformance::{MemoryHarness, SCENARIOS};

use store::{BrokenHarness, Bug};

/// Whether a store with a mistake passes a scenario.
fn passes(bug: Bug, name: &str) -> bool {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = *scenario.unwrap_or_else(|| panic!("no scenario {name}"));
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let harness = BrokenHarness {
            inner: MemoryHarness::new(),
            bug,
        };
        runtime.block_on((scenario.run)(&harness));
    };
    std::thread::spawn(run).join().is_ok()
}

#[test]
fn every_mistake_is_found_by_its_scenarios() {
    let mistakes: &[(Bug, &[&str])] = &[
        (
            Bug::ForgetsWriteIds,
            &[
                "a_replay_returns_what_the_write_made",
                "a_replay_after_foreign_writes_is_known",
                "a_lost_answer_is_found_by_repetition",
                "a_write_that_arrives_twice_is_applied_once",
            ],
        ),
        (
            Bug::SaysConflictWhenUnsure,
            &[
                "a_day_and_a_thousand_versions_are_known",
                "a_write_from_a_later_version_is_indeterminate",
            ],
        ),
        (
            Bug::SaysConflictForKeys,
            &["an_idempotency_key_names_one_turn"],
        ),
        (
            Bug::IgnoresIncarnation,
            &["a_write_for_a_purged_conversation_never_fits_its_successor"],
        ),
        (
            Bug::IgnoresFences,
            &[
                "a_write_on_another_version_changes_nothing",
                "of_racing_writes_one_wins",
                "a_late_write_after_a_conflict_stays_out",
                "an_unknown_write_on_a_known_base_is_a_conflict",
            ],
        ),
        (Bug::WritesInTwoSteps, &["a_turn_goes_from_begin_to_finish"]),
        (Bug::ForgetsCreations, &["a_conversation_is_created_once"]),
        (
            Bug::ForgetsKeys,
            &["a_key_belongs_to_one_conversation_of_a_user"],
        ),
        (
            Bug::IgnoresRenewals,
            &[
                "a_renewed_lease_is_not_taken_over",
                "the_end_of_a_lease_never_moves_back",
            ],
        ),
        (Bug::LosesCancel, &["a_wish_to_cancel_stays"]),
        (
            Bug::CountsMessages,
            &[
                "windows_count_turns_in_context",
                "windows_count_messages_without_a_turn_from_user_to_user",
            ],
        ),
        (
            Bug::ReformatsJson,
            &[
                "what_is_written_is_read_back_exactly",
                "what_this_version_does_not_know_survives",
            ],
        ),
        (
            Bug::LosesUnknownFields,
            &["what_this_version_does_not_know_survives"],
        ),
        (
            Bug::ShowsBranches,
            &["cut_off_messages_are_kept_on_a_branch"],
        ),
        (
            Bug::RemovesBranches,
            &[
                "cut_off_messages_are_kept_on_a_branch",
                "messages_are_found_by_their_references",
            ],
        ),
        (
            Bug::ForgetsTombstones,
            &["a_deleted_id_stays_refused_for_its_time"],
        ),
        (Bug::PurgesNothing, &["purging_removes_everything"]),
        (
            Bug::MissesChanges,
            &["a_list_by_change_has_each_at_least_once"],
        ),
        (Bug::TakesAnyCursor, &["edited_cursors_are_refused"]),
        (
            Bug::IgnoresStoreNames,
            &["messages_are_found_by_their_references"],
        ),
        (
            Bug::NamesNothing,
            &["messages_are_found_by_their_references"],
        ),
        (
            Bug::ForgetsFirstSeen,
            &["unnamed_references_are_remembered_until_named"],
        ),
        (Bug::LeasesToAll, &["a_named_lease_has_one_owner"]),
        (Bug::FencesForEver, &["fences_of_users_end"]),
        (
            Bug::EndsAtNul,
            &[
                "what_is_written_is_read_back_exactly",
                "sixteen_mebibytes_of_text_survive",
            ],
        ),
        (Bug::LosesPlanner, &["planner_rows_are_apart"]),
    ];
    for (bug, scenarios) in mistakes {
        for name in *scenarios {
            assert!(passes(Bug::None, name), "{name} fails without a mistake");
            assert!(!passes(*bug, name), "{name} does not find {bug:?}");
        }
    }
}
