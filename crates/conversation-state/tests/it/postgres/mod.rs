//! The store in a PostgreSQL database, on a real server.

mod damage;
mod faults;
mod harness;
mod opening;

use harness::PostgresHarness;

use crate::services::{is_wanted, run_suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept() {
    if is_wanted("conformance of the PostgreSQL store") {
        run_suite("PostgreSQL", PostgresHarness::new).await;
    }
}
