//! The scenarios: async functions over a [`Backend`](crate::Backend) with an empty place, whatever its type.
//!
//! They fail by panicking. [`conformance_tests!`](crate::conformance_tests) turns each of them into a test;
//! [`SCENARIOS`] lists their names.

mod capabilities;
mod changes;
mod concurrency;
mod ids;
mod input;
mod inventory;
mod reading;
mod references;
mod retention;
mod round_trip;
mod sharing;

macro_rules! scenarios {
    ($dollar:tt $($module:ident { $($name:ident,)* })*) => {
        $($(pub use $module::$name;)*)*

        /// The names of all scenarios.
        pub const SCENARIOS: &[&str] = &[$($(stringify!($name)),*),*];

        /// Creates a test for each scenario, for a backend given as an expression that returns an empty
        /// place each time it is evaluated.
        ///
        /// See the [crate documentation](crate) for a whole test file. Invoke it in several modules to
        /// test several configurations of a store.
        #[macro_export]
        macro_rules! conformance_tests {
            ($dollar backend:expr) => {
                $($(
                    #[test]
                    fn $name() {
                        $crate::run(stringify!($name), async {
                            let backend = $dollar backend;
                            $crate::scenarios::$name(&backend).await;
                        });
                    }
                )*)*

                #[test]
                fn every_scenario_is_run() {
                    let run = [$($(stringify!($name)),*),*];
                    assert_eq!(run, $crate::scenarios::SCENARIOS);
                }
            };
        }
    };
}

scenarios! { $
    round_trip {
        whole_bytes_come_back,
        base64_comes_back,
        streams_come_back,
        streams_of_unknown_length_come_back,
        type_and_metadata_come_back,
        references_are_small_values,
    }
    reading {
        ranges_are_cut_out,
        heads_bring_no_body,
        reads_can_be_tuned,
        duplicates_stand_alone,
        duplicates_expire_with_their_source,
        existence_is_reported,
        many_are_deleted_at_once,
        readers_never_get_other_bytes,
    }
    input {
        failing_streams_store_nothing,
        wrong_lengths_store_nothing,
        bad_base64_stores_nothing,
        expected_hashes_are_checked,
        oversized_metadata_stores_nothing,
        the_size_limit_is_exact,
    }
    sharing {
        equal_bytes_are_independent,
        equal_bytes_keep_their_own_record,
        equal_bytes_survive_any_order,
        media_survives_a_restart,
        two_handles_share_one_place,
    }
    references {
        deletes_are_idempotent,
        foreign_references_are_refused,
        internal_names_are_refused,
        altered_references_are_refused,
        guessed_ids_reach_nothing,
        expected_scopes_are_kept,
    }
    ids {
        hostile_ids_are_data,
        ids_with_one_conversation_share_it,
    }
    concurrency {
        many_tasks_lose_nothing,
        racing_deletes_all_succeed,
        sweeps_disturb_nobody,
        dropped_stores_leave_nothing,
        dropped_reads_and_deletes_do_no_harm,
    }
    inventory {
        list_and_usage_agree,
        scopes_are_deleted_exactly,
        tags_and_combined_scopes,
    }
    retention {
        expired_media_is_not_found,
        sweeps_remove_only_what_is_due,
        the_default_retention_applies,
        sweeps_can_be_bounded,
        pruning_takes_the_oldest,
    }
    changes {
        updates_change_metadata,
        media_on_hold_stays,
        copies_of_media_on_hold_are_on_hold,
        imports_keep_the_latest_expiry,
        damaged_sidecars_are_reported,
    }
    capabilities {
        abilities_survive_wrappers,
        signed_urls_give_the_media,
        signed_urls_expire,
        signed_urls_are_for_ones_own_media,
    }
}

#[cfg(test)]
mod tests {
    use super::SCENARIOS;

    #[test]
    fn no_scenario_is_forgotten() {
        let sources = [
            include_str!("round_trip.rs"),
            include_str!("reading.rs"),
            include_str!("input.rs"),
            include_str!("sharing.rs"),
            include_str!("references.rs"),
            include_str!("ids.rs"),
            include_str!("concurrency.rs"),
            include_str!("inventory.rs"),
            include_str!("retention.rs"),
            include_str!("changes.rs"),
            include_str!("capabilities.rs"),
        ];
        let modules = include_str!("mod.rs")
            .lines()
            .filter(|line| line.starts_with("mod ") && line.ends_with(';'));
        assert_eq!(modules.count(), sources.len());
        let written: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|line| line.split(['(', '<']).next())
            .collect();
        assert_eq!(written, SCENARIOS);
    }
}
