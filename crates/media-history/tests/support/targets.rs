//! What holds for any bytes, for the fuzzer and for the tests.

use media_history::{History, HistoryKey};
use media_storage::{InMemoryStorage, ReadData};

fn history() -> History {
    let key = HistoryKey::new("a secret of sixteen bytes").expect("it is long enough");
    History::new(&InMemoryStorage::new(), key).unscoped()
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future);
}

/// Any text, as a history: it comes back, and its slim form stays as it is.
#[allow(dead_code, reason = "each fuzzer has one target")]
pub(crate) fn externalize(data: &[u8]) {
    let history = history()
        .with_threshold_kb(0)
        .with_short_values(true)
        .with_opaque(true);
    block_on(comes_back(&history, data));
    block_on(comes_back(&history.with_number_arrays(true), data));
}

async fn comes_back(history: &History, data: &[u8]) {
    let slim = history.externalize(data).await.expect("any text is taken");
    let whole = history.restore(slim.bytes()).await.expect("it is restored");
    assert!(whole == data, "it came back changed");
    let body = history.restore_body(slim.bytes()).await;
    let len = body.expect("it is restored").len();
    assert_eq!(len, Some(data.len() as u64), "its length is known before");
    let again = history
        .externalize(slim.bytes())
        .await
        .expect("the slim form is taken");
    assert!(again.bytes() == slim.bytes(), "the slim form changed");
    // Its media was found wherever the text is cut.
    let cut = data.first().map_or(0, |byte| usize::from(*byte)) % (data.len() + 1);
    let (one, two) = data.split_at(cut);
    let pieces = tokio::io::AsyncReadExt::chain(one, two);
    let known = history.clone().with_known(slim.bytes());
    let known = known.expect("it has a scope");
    let mut out = Vec::new();
    let report = known
        .externalize_stream(pieces, &mut out)
        .await
        .expect("any text is taken");
    assert_eq!(report.values.len(), slim.report().values.len());
    assert!(out == *slim.bytes(), "a cut changes it");
}

/// Any text, as a slim history: it is text, unless a placeholder verifies.
#[allow(dead_code, reason = "each fuzzer has one target")]
pub(crate) fn restore(data: &[u8]) {
    let history = history();
    block_on(async {
        // Nobody guesses a MAC.
        assert_eq!(history.references(data).expect("it has a scope"), []);
        let whole = history.restore(data).await;
        assert!(whole.expect("nothing is to be resolved") == data);
        let body = history.restore_body(data).await;
        let len = body.expect("nothing is to be resolved").len();
        assert_eq!(len, Some(data.len() as u64));
        let found = history
            .check(data, ReadData::Everything)
            .await
            .expect("it has a scope");
        assert_eq!(found.resolved, 0);
    });
}
