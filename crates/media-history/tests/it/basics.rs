//! The handle in its simplest use.

use media_history::{History, HistoryErrorKind, HistoryKey};
use media_storage::{InMemoryStorage, ReadData, Scope};

pub(crate) fn history(store: &InMemoryStorage) -> History {
    History::new(store, HistoryKey::new("a secret of sixteen bytes").unwrap())
}

#[tokio::test]
async fn a_scope_is_required() {
    let history = history(&InMemoryStorage::new());
    for error in [
        history.externalize(b"[]").await.unwrap_err(),
        history.restore(b"[]").await.unwrap_err(),
        history.forget(b"[]").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), HistoryErrorKind::Config);
    }
    assert!(history.unscoped().externalize(b"[]").await.is_ok());
}

#[tokio::test]
async fn metadata_of_another_owner_is_refused() {
    use media_storage::MediaMetadata;
    let history = history(&InMemoryStorage::new())
        .with_scope(Scope::User("a".parse().unwrap()))
        .with_metadata(MediaMetadata::new().with_user("b".parse().unwrap()));
    let error = history.externalize(b"[]").await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Config);
}

/// Memory is bounded, and nothing is missed or told twice where the text is cut.
#[tokio::test]
async fn placeholders_are_checked_wherever_the_text_is_cut() {
    let store = InMemoryStorage::new();
    let handle = || History::new(&store, HistoryKey::new([3; 16]).unwrap());
    let history = handle().unscoped().with_threshold_bytes(0);
    let data = media_types::base64::encode(&[7; 900]);
    let text = format!("{{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"{data}\"}}");
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    let slim = slim.bytes();
    let at = memchr::memmem::find(slim, b"media-ref").unwrap();
    let theirs = History::new(&store, HistoryKey::new([4; 16]).unwrap()).unscoped();
    for before in (262_144 - slim.len() - 5000..262_144 + 10).step_by(61) {
        let text = [&vec![b' '; before][..], slim, &vec![b' '; 300_000]].concat();
        let report = history
            .check_stream(&text[..], ReadData::Everything)
            .await
            .unwrap();
        assert_eq!(
            (report.resolved, report.unresolved_count),
            (1, 0),
            "{before}"
        );
        let report = theirs
            .check_stream(&text[..], ReadData::Everything)
            .await
            .unwrap();
        let offsets: Vec<_> = report.unresolved.iter().map(|one| one.offset).collect();
        assert_eq!(offsets, [(before + at) as u64]);
    }
}

/// Traits with boxed futures, such as the memories of agent libraries, can be implemented with it.
#[tokio::test]
async fn calls_are_send_in_boxed_futures() {
    type Boxed<'a> = std::pin::Pin<Box<dyn Future<Output = Vec<String>> + Send + 'a>>;
    fn round_trip(history: &History, messages: Vec<String>) -> Boxed<'_> {
        Box::pin(async move {
            let slim = history.externalize_typed(&messages).await.unwrap();
            history.restore_typed(&slim).await.unwrap()
        })
    }
    let history = history(&InMemoryStorage::new()).unscoped();
    assert_eq!(round_trip(&history, vec!["a".into()]).await, ["a"]);
}
