//! The store in Redis, on a real server.

mod edited;
mod faults;
mod harness;
mod opening;
mod traces;

use harness::RedisHarness;

use crate::services::{is_wanted, run_suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept() {
    if is_wanted("conformance of the Redis store") {
        run_suite("Redis", RedisHarness::in_cluster).await;
    }
}
