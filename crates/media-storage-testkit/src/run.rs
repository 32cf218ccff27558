//! Running scenarios, and reporting those that do not apply.

use std::io::Write as _;
use std::pin::Pin;
use std::time::Duration;

use media_storage::MediaStorage;

/// Longest time that a scenario may take: far beyond what the slowest server needs on a busy machine,
/// so that only what hangs reaches it.
const DEADLINE: Duration = Duration::from_secs(600);

/// Runs one scenario to its end on a runtime of its own with four worker threads.
///
/// # Panics
/// When the scenario does, or when it takes longer than ten minutes.
pub fn run(scenario: &str, future: impl Future<Output = ()> + Send + 'static) {
    run_boxed(scenario, Box::pin(future));
}

/// There are hundreds of scenarios, and this is compiled once for all of them.
fn run_boxed(scenario: &str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let outcome = runtime.block_on(async {
        // In a task, so that what the scenario awaits may move between threads.
        tokio::time::timeout(DEADLINE, tokio::spawn(future)).await
    });
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => panic!("{scenario} did not end within {DEADLINE:?}"),
    }
}

/// Says that a scenario, or a part of it, does not apply, past the capture of the test harness.
pub(crate) fn not_run(store: &dyn MediaStorage, scenario: &str, reason: &str) {
    let backend = store.backend();
    // Nothing can be done about a standard error that is closed.
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: {scenario} on {backend}: {reason}"
    );
}
