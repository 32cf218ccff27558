//! Every state store: one suite, and what is special to each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod scenarios;
#[cfg(feature = "sqlite")]
mod sqlite;

/// One named test per promise of `StateStore`, each on an empty store made by the expression.
macro_rules! state_conformance {
    ($store:expr) => {
        state_conformance!($store;
            the_first_write_makes_the_conversation,
            what_is_written_is_read_back_exactly,
            windows_read_what_they_name,
            a_write_that_expects_another_version_changes_nothing,
            of_writes_at_once_one_succeeds,
            replacing_changes_the_named_messages_only,
            a_tombstone_stops_every_write,
            statuses_follow_each_other,
            deleting_removes_everything_and_is_idempotent,
            lists_are_filtered_sorted_and_paged,
            ids_are_data,
            dropped_writes_are_done_or_not_done,
        );
    };
    ($store:expr; $($scenario:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let store = $store;
                super::scenarios::$scenario(&store).await;
            }
        )*
    };
}

mod memory {
    state_conformance!(conversation_sdk::InMemoryStateStore::new());
}

#[cfg(feature = "sqlite")]
mod sqlite_in_memory {
    state_conformance!(
        conversation_sdk::SqliteStateStore::in_memory()
            .await
            .unwrap()
    );
}

#[cfg(feature = "sqlite")]
mod sqlite_in_a_file {
    state_conformance!(super::sqlite::InDirectory::new().await);
}
