//! Any text, as a history: it comes back, and its slim form stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_history::{History, HistoryKey};
use media_storage::InMemoryStorage;

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let key = HistoryKey::new("a secret of sixteen bytes").expect("it is long enough");
        let history = History::new(&InMemoryStorage::new(), key)
            .unscoped()
            .with_threshold_kb(0)
            .with_short_values(true)
            .with_opaque(true);
        let slim = history.externalize(data).await.expect("any text is taken");
        let whole = history.restore(slim.bytes()).await.expect("it is restored");
        assert!(whole == data, "it came back changed");
        let again = history.externalize(slim.bytes()).await.expect("the slim form is taken");
        assert!(again.bytes() == slim.bytes(), "the slim form changed");
        // Its media was found wherever the text is cut.
        let cut = data.first().map_or(0, |byte| usize::from(*byte)) % (data.len() + 1);
        let (one, two) = data.split_at(cut);
        let pieces = tokio::io::AsyncReadExt::chain(one, two);
        let known = history.with_known(slim.bytes()).expect("it has a scope");
        let mut out = Vec::new();
        let report = known.externalize_stream(pieces, &mut out).await.expect("any text is taken");
        assert_eq!(report.values.len(), slim.report().values.len());
        assert!(out == *slim.bytes(), "a cut changes it");
    });
});
