//! Kinds of errors that the contract's tests do not provoke.

use std::collections::BTreeMap;

use media_history::{History, HistoryErrorKind, HistoryKey};
use media_storage::{InMemoryStorage, MediaStorage, Organization, Scope};
use media_store_fs::FileStore;
use media_types::base64;

fn of(store: impl MediaStorage + Clone, user: &str) -> History {
    History::new(
        &store,
        HistoryKey::new("a secret of sixteen bytes").unwrap(),
    )
    .with_scope(Scope::User(user.parse().unwrap()))
    .with_threshold_kb(0)
}

#[tokio::test]
async fn damaged_media_is_not_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::builder(directory.path()).with_organization(Organization::Flat);
    let store = store.build().await.unwrap();
    let history = of(store, "a");
    let text = format!("[\"data:image/png;base64,{}\"]", base64::encode(&[7; 3000]));
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    let id = slim.report().values[0].reference.id().to_owned();
    std::fs::write(directory.path().join(id), [8; 3000]).unwrap();
    let error = history.restore(slim.bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Corrupted);
}

#[tokio::test]
async fn a_value_that_cannot_be_spooled_fails_the_call() {
    let history = of(InMemoryStorage::new(), "a").with_spool_directory("/there/is/no/such/place");
    let large = base64::encode(&vec![7; 8 << 20]);
    let text = format!("[\"data:image/png;base64,{large}\"]");
    let error = history.externalize(text.as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Spool);
}

#[tokio::test]
async fn a_value_that_is_no_json_is_typed_wrongly() {
    let history = of(InMemoryStorage::new(), "a");
    // Keys of JSON are text.
    let value = BTreeMap::from([(vec![1], "text".to_owned())]);
    let error = history.externalize_typed(&value).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Typed);
}
