//! What must not be stored leaves nothing behind.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_storage::{
    MediaBody, MediaStorage, MediaUpload, Operation, Sha256Hasher, StorageError, StorageErrorKind,
};
use media_types::{Mime, base64};

use crate::backend::{AnyBackend, StoreOptions};
use crate::fixture::{
    KIB, MIB, about, fails, holds, is_empty, noise, odd_pieces, open, open_with, put, upload,
};

fn upload_of(body: MediaBody) -> MediaUpload {
    MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"))
}

/// A stream that fails, early and late, stores nothing and its failure is reported.
pub async fn failing_streams_store_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, MIB + 1);
    for (after, declared) in [(0, None), (1, Some(MIB as u64 + 1)), (usize::MAX, None)] {
        let failure = StorageError::new(StorageErrorKind::Unavailable, Operation::Store)
            .with_reason("the sender went away");
        let stream = odd_pieces(bytes.clone())
            .take(after)
            .chain(stream::iter([Err(failure)]));
        let result = store
            .store(upload_of(MediaBody::from_stream(declared, stream)))
            .await;
        fails(result, StorageErrorKind::Unavailable);
        is_empty(&store, "failing_streams_store_nothing").await;
    }
}

/// A stream that is longer or shorter than it was said to be stores nothing.
pub async fn wrong_lengths_store_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    for len in [0_usize, 1, 100 * KIB, 2 * MIB] {
        for declared in [len.checked_sub(1), Some(len + 1), Some(3 * MIB)] {
            let Some(declared) = declared else { continue };
            let body = MediaBody::from_stream(Some(declared as u64), odd_pieces(noise(1, len)));
            let result = store.store(upload_of(body)).await;
            fails(result, StorageErrorKind::InvalidInput);
        }
    }
    is_empty(&store, "wrong_lengths_store_nothing").await;
}

/// Text that is not base64 stores nothing, whether the fault is at the start or the end.
pub async fn bad_base64_stores_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let good = base64::encode(&noise(1, 300 * KIB));
    for bad in [
        "*".to_owned(),
        "a".to_owned(),
        "aGVsbG9=".to_owned(),
        format!("{good}!"),
        format!("{}-{good}", &good[..4]),
    ] {
        let whole = MediaBody::from_base64(bad.clone().into());
        fails(
            store.store(upload_of(whole)).await,
            StorageErrorKind::InvalidInput,
        );
        let pieces = MediaBody::from_base64_stream(odd_pieces(bad.into()));
        fails(
            store.store(upload_of(pieces)).await,
            StorageErrorKind::InvalidInput,
        );
    }
    is_empty(&store, "bad_base64_stores_nothing").await;
}

/// A body with another hash than the expected one stores nothing, also when media of the expected
/// hash is there: knowing a hash is not having the bytes.
pub async fn expected_hashes_are_checked(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let (bytes, other) = (noise(1, 70 * KIB), noise(2, 70 * KIB));
    let hash = Sha256Hasher::digest(&bytes);
    for there_already in [false, true] {
        let mut kept = None;
        if there_already {
            kept = Some(put(&store, &bytes, about("conv-1")).await);
        }
        let result = store.store(upload(&other).with_expected_sha256(hash)).await;
        fails(result, StorageErrorKind::InvalidInput);
        let stream = MediaBody::from_stream(None, odd_pieces(other.clone()));
        let result = store
            .store(upload_of(stream).with_expected_sha256(hash))
            .await;
        fails(result, StorageErrorKind::InvalidInput);
        match kept {
            None => is_empty(&store, "expected_hashes_are_checked").await,
            Some(reference) => holds(&store, &reference, &bytes).await,
        }
    }
    let reference = store
        .store(upload(&bytes).with_expected_sha256(hash))
        .await
        .unwrap();
    holds(&store, &reference, &bytes).await;
}

/// Metadata that is too much for a record is refused, and nothing is left.
pub async fn oversized_metadata_stores_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let metadata = about("conv-1").with_filename("n".repeat(70_000));
    let result = store
        .store(MediaUpload::new(Mime::IMAGE_PNG, noise(1, 10), metadata))
        .await;
    fails(result, StorageErrorKind::InvalidInput);
    is_empty(&store, "oversized_metadata_stores_nothing").await;
    let metadata = about("conv-1").with_filename("n".repeat(50_000));
    put(&store, &noise(1, 10), metadata).await;
}

/// Media of exactly the limit is stored, one byte more is not, in whatever form it comes.
pub async fn the_size_limit_is_exact(backend: &dyn AnyBackend) {
    type Form = fn(Bytes) -> MediaBody;
    let forms: [Form; 5] = [
        MediaBody::from_bytes,
        |bytes| MediaBody::from_base64(base64::encode(&bytes).into()),
        |bytes| MediaBody::from_base64_stream(odd_pieces(base64::encode(&bytes).into())),
        |bytes| MediaBody::from_stream(Some(bytes.len() as u64), odd_pieces(bytes)),
        |bytes| MediaBody::from_stream(None, odd_pieces(bytes)),
    ];
    for limit in [0, 1, 100 * KIB] {
        let options = StoreOptions::new().with_max_media_size(limit as u64);
        let store = open_with(backend, options).await;
        for form in forms {
            let over = upload_of(form(noise(1, limit + 1)));
            fails(store.store(over).await, StorageErrorKind::TooLarge);
        }
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 4096])));
        let over = upload_of(MediaBody::from_stream(None, endless));
        fails(store.store(over).await, StorageErrorKind::TooLarge);
        is_empty(&store, "the_size_limit_is_exact").await;
        for form in forms {
            let bytes = noise(2, limit);
            let reference = store.store(upload_of(form(bytes.clone()))).await.unwrap();
            holds(&store, &reference, &bytes).await;
            store
                .delete_opts(&reference, Default::default())
                .await
                .unwrap();
        }
    }
}
