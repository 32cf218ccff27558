//! A bucket with one hostile object: a sidecar, a record, a marker or an expiry hint. Every read, walk
//! and sweep ends, sound media stays whole, and what was deleted stays deleted.
#![no_main]

use std::sync::Arc;

use futures_util::StreamExt as _;
use libfuzzer_sys::fuzz_target;
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, Scope, StorageErrorKind, SweepDepth,
    SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

/// The only key with all of these in it.
async fn key_with(bucket: &InMemory, parts: [&str; 2]) -> Path {
    let mut listed = bucket.list(None);
    while let Some(meta) = listed.next().await {
        let location = meta.expect("memory lists").location;
        if parts.iter().all(|part| location.as_ref().contains(part)) {
            return location;
        }
    }
    unreachable!("it was stored")
}

async fn check(data: &[u8]) {
    let Some((place, bytes)) = data.split_first() else {
        return;
    };
    let bucket = Arc::new(InMemory::new());
    let store = ObjectMediaStore::builder()
        .with_object_store(bucket.clone())
        .with_deduplication(true)
        .with_protocol(ProtocolVersion::First)
        .build()
        .await
        .expect("memory carries it");
    let metadata = || {
        let metadata = MediaMetadata::new().with_session("s".parse().expect("an id"));
        metadata.with_conversation("c".parse().expect("an id"))
    };
    let put = |content: &'static str| store.store_bytes(Mime::IMAGE_PNG, content, metadata());
    let sound = put("sound").await.expect("it is stored");
    let victim = put("victim").await.expect("it is stored");
    let gone = put("victim").await.expect("it is stored");
    store.delete(&gone).await.expect("it is deleted");
    let hash = victim.sha256().expect("a hash").to_hex();
    let marker = key_with(&bucket, ["/ref/", &hash]).await;
    let generation = marker.parts().nth(4).expect("a generation");
    let (key, loses_sidecar) = match place % 5 {
        0 => (Path::from(format!("{}.meta", victim.id())), false),
        1 => (key_with(&bucket, ["/rec/", &hash]).await, false),
        2 => (marker.clone(), true),
        3 => (key_with(&bucket, ["/rec/", &hash]).await, true),
        _ => {
            let hint = ".store/v1/expiry/2020-01-01T00/0000000000000000000000000a";
            (Path::from(hint), false)
        }
    };
    if loses_sidecar {
        let sidecar = Path::from(format!("{}.meta", victim.id()));
        bucket.delete(&sidecar).await.expect("it is there");
    }
    let text = String::from_utf8_lossy(bytes)
        .replace("VICTIM", victim.id())
        .replace("GONE", gone.id())
        .replace("HASH", &hash)
        .replace("GENERATION", generation.as_ref());
    let planted = bucket.put(&key, text.into_bytes().into()).await;
    planted.expect("memory takes it");

    let _ = store.retrieve_bytes(&victim, 1 << 20).await;
    for scope in [Scope::All, Scope::Session("s".parse().expect("an id"))] {
        store.list(scope.clone()).count().await;
        store.usage(scope).await.expect("usage is told");
    }
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let sweep = SweepOptions::new().with_depth(depth);
        let sweep = sweep.with_grace(std::time::Duration::ZERO);
        let dry = store.sweep(sweep.clone().with_dry_run()).await;
        dry.expect("a sweep ends");
        store.sweep(sweep).await.expect("a sweep ends");
    }
    let again = put("victim").await.expect("its bytes are welcome");
    for (reference, content) in [(&sound, "sound"), (&again, "victim")] {
        let read = store.retrieve_bytes(reference, 1 << 20).await;
        assert_eq!(read.expect("it reads"), content);
    }
    let error = store.retrieve(&gone).await.expect_err("it was deleted");
    let told = [StorageErrorKind::NotFound, StorageErrorKind::Corrupted];
    assert!(told.contains(&error.kind()), "{error:?}");
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(check(data));
});
