use media_storage::{
    DeleteOptions, MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetrieveOptions, Scope, StorageErrorKind,
};
use media_types::Mime;

use super::*;

fn metadata(conversation: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_session("s 1/..".parse().unwrap())
        .with_conversation(conversation.parse().unwrap())
}

async fn store() -> (BucketServer, BucketStore) {
    let server = BucketServer::start().await.unwrap();
    let store = BucketStore::new(server.bucket().unwrap());
    (server, store)
}

#[tokio::test]
async fn media_comes_back_and_goes_away() {
    let (server, store) = store().await;
    let bytes = bytes::Bytes::from(vec![7; 300_000]);
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata("c"))
        .await
        .unwrap();
    assert_eq!(server.objects().len(), 2, "{:?}", server.objects());
    let media = store.retrieve(&reference).await.unwrap();
    assert_eq!((media.mime.clone(), media.size), (Mime::IMAGE_PNG, 300_000));
    assert!(media.body.bytes(300_000).await.unwrap() == bytes);
    let part = store
        .retrieve_opts(&reference, RetrieveOptions::new().with_range(5..9))
        .await
        .unwrap();
    assert_eq!(part.body.bytes(4).await.unwrap(), vec![7; 4]);
    for _ in 0..2 {
        store.delete(&reference).await.unwrap();
    }
    assert_eq!(server.objects(), []);
    assert_eq!(
        store.retrieve(&reference).await.unwrap_err().kind(),
        StorageErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_foreign_scope_finds_nothing_and_deletes_nothing() {
    let (server, store) = store().await;
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, "x", metadata("c"))
        .await
        .unwrap();
    let scope = Scope::Conversation("other".parse().unwrap());
    let found = store
        .retrieve_opts(
            &reference,
            RetrieveOptions::new().with_expected_scope(scope.clone()),
        )
        .await;
    assert_eq!(found.unwrap_err().kind(), StorageErrorKind::NotFound);
    let deleted = store
        .delete_opts(&reference, DeleteOptions::new().with_expected_scope(scope))
        .await;
    assert_eq!(deleted.unwrap_err().kind(), StorageErrorKind::NotFound);
    assert_eq!(server.objects().len(), 2);
}

#[tokio::test]
async fn changed_bytes_are_corrupted_and_broken_bodies_leave_nothing() {
    let (server, store) = store().await;
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, "right", metadata("c"))
        .await
        .unwrap();
    server
        .bucket()
        .unwrap()
        .put(reference.id(), "image/png", "wrong".into())
        .await
        .unwrap();
    assert_eq!(
        store
            .retrieve_bytes(&reference, 99)
            .await
            .unwrap_err()
            .kind(),
        StorageErrorKind::Corrupted
    );
    store.delete(&reference).await.unwrap();

    let short = MediaBody::from_stream(Some(9), futures_util::stream::iter([Ok("four".into())]));
    let stored = store
        .store(MediaUpload::new(Mime::IMAGE_PNG, short, metadata("c")))
        .await;
    assert_eq!(stored.unwrap_err().kind(), StorageErrorKind::InvalidInput);
    let small = store.clone().with_max_media_size(3);
    let stored = small
        .store_bytes(Mime::IMAGE_PNG, "four", metadata("c"))
        .await;
    assert_eq!(stored.unwrap_err().kind(), StorageErrorKind::TooLarge);
    assert_eq!(server.objects(), []);
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_unavailable() {
    let (server, store) = store().await;
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, "x", metadata("c"))
        .await
        .unwrap();
    drop(server);
    // A connection that is still open may answer once more.
    let kind = loop {
        match store.retrieve_bytes(&reference, 9).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(kind.is_retryable(), "{kind:?}");
    assert_eq!(kind.kind(), StorageErrorKind::Unavailable);
}
