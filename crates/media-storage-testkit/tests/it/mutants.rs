//! Each defect is caught by the scenario that is there for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use media_storage_testkit::{run, scenarios};

use crate::mutant::{Defect, Place};

macro_rules! passes {
    ($scenario:ident, $defect:expr) => {{
        let scenario = AssertUnwindSafe(|| {
            run(stringify!($scenario), async {
                scenarios::$scenario(&Place::new($defect)).await;
            });
        });
        catch_unwind(scenario).is_ok()
    }};
}

macro_rules! caught {
    ($($defect:ident by $scenario:ident;)*) => {
        $(
            assert!(
                passes!($scenario, Defect::None),
                "{} fails without a defect", stringify!($scenario)
            );
            assert!(
                !passes!($scenario, Defect::$defect),
                "{} passes a store that {}", stringify!($scenario), stringify!($defect)
            );
        )*
    };
}

#[test]
fn every_defect_is_caught() {
    let hook = std::panic::take_hook();
    // The panics of scenarios that catch a defect are what is wanted, not news.
    std::panic::set_hook(Box::new(|info| {
        if std::thread::current().name() != Some("tokio-rt-worker") {
            eprintln!("{info}");
        }
    }));
    caught! {
        OneReferencePerContent by equal_bytes_are_independent;
        OneReferencePerContent by equal_bytes_survive_any_order;
        DeleteTakesTheTwins by equal_bytes_are_independent;
        DeleteTakesTheTwins by media_survives_a_restart;
        DeleteTakesTheTwins by many_tasks_lose_nothing;
        DeleteTwiceFails by deletes_are_idempotent;
        DeleteTwiceFails by racing_deletes_all_succeed;
        DeleteDoesNothing by equal_bytes_survive_any_order;
        TakesForeignReferences by foreign_references_are_refused;
        IgnoresAlteredHashes by altered_references_are_refused;
        IgnoresScopes by expected_scopes_are_kept;
        ScopesTellOfOthers by expected_scopes_are_kept;
        LimitIsOneTooHigh by the_size_limit_is_exact;
        KeepsBrokenStreams by failing_streams_store_nothing;
        KeepsBrokenStreams by wrong_lengths_store_nothing;
        KeepsBrokenStreams by bad_base64_stores_nothing;
        IgnoresExpectedHashes by expected_hashes_are_checked;
        IgnoresRanges by ranges_are_cut_out;
        HeadsBringBodies by heads_bring_no_body;
        FirstTypeWins by equal_bytes_keep_their_own_record;
        FirstTypeWins by type_and_metadata_come_back;
        LowerCaseIds by hostile_ids_are_data;
        ForgetsRetention by expired_media_is_not_found;
        ForgetsRetention by equal_bytes_keep_their_own_record;
        SweepsEarly by sweeps_remove_only_what_is_due;
        DryRunsRemove by sweeps_remove_only_what_is_due;
        PrunesEverything by pruning_takes_the_oldest;
        ListForgetsOne by list_and_usage_agree;
        ListForgetsOne by scopes_are_deleted_exactly;
        ForgetsAtRestart by media_survives_a_restart;
        ForgetsAtRestart by two_handles_share_one_place;
    }
    std::panic::set_hook(hook);
}

#[test]
fn a_store_without_an_inventory_is_no_defect() {
    assert!(passes!(list_and_usage_agree, Defect::HidesItsInventory));
    assert!(passes!(hostile_ids_are_data, Defect::HidesItsInventory));
    assert!(passes!(many_tasks_lose_nothing, Defect::HidesItsInventory));
    assert!(passes!(
        expired_media_is_not_found,
        Defect::HidesItsInventory
    ));
}
