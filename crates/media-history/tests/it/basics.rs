//! The handle in its simplest use.

use media_history::{History, HistoryErrorKind, HistoryKey};
use media_storage::{InMemoryStorage, Scope};

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
