//! Any text, as a slim history: it is text, unless a placeholder verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_history::{History, HistoryKey};
use media_storage::InMemoryStorage;

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let key = HistoryKey::new("a secret of sixteen bytes").expect("it is long enough");
        let history = History::new(&InMemoryStorage::new(), key).unscoped();
        // Nobody guesses a MAC.
        assert_eq!(history.references(data).expect("it has a scope"), []);
        let whole = history.restore(data).await.expect("nothing is to be resolved");
        assert!(whole == data);
        let body = history.restore_body(data).await.expect("nothing is to be resolved");
        assert_eq!(body.len(), Some(data.len() as u64));
        let found = history.check(data, true).await.expect("it has a scope");
        assert_eq!(found.resolved, 0);
    });
});
