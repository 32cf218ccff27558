//! The store in memory as the model of SQLite: any sequence of operations has the same outcomes and
//! leaves the same state.

mod both;
mod operations;

use proptest::prelude::*;

use both::Both;
use operations::{Operation, operation};

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_what_memory_does(operations in prop::collection::vec(operation(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let mut both = Both::new(directory.path()).await;
            for n in 0..2 {
                both.run(Operation::Create { conversation: n, key: None }).await;
            }
            for operation in operations {
                both.run(operation).await;
                both.compare().await;
            }
        });
    }
}
