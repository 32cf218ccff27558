//! A directory with one hostile file: a sidecar, an expiry hint or the format. The store opens or
//! says why not, every walk ends, and the index is whole and knows the sound media.
#![no_main]

use std::fs;
use std::path::Path;

use futures_util::StreamExt as _;
use libfuzzer_sys::fuzz_target;
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, Scope, SweepDepth, SweepOptions,
};
use media_store_fs::{Durability, FileStore, VerifyOptions};
use media_types::Mime;

async fn open(base: &Path) -> Option<FileStore> {
    let builder = FileStore::builder(base).with_deduplication(true);
    builder
        .with_durability(Durability::Buffered)
        .build()
        .await
        .ok()
}

async fn check(base: &Path, data: &[u8]) {
    let (Some(store), Some((place, bytes))) = (open(base).await, data.split_first()) else {
        return;
    };
    let metadata = || {
        let metadata = MediaMetadata::new().with_session("s".parse().expect("an id"));
        metadata.with_conversation("c".parse().expect("an id"))
    };
    let put = |content: &'static str| store.store_bytes(Mime::IMAGE_PNG, content, metadata());
    let sound = put("sound").await.expect("it is stored");
    let victim = put("victim").await.expect("it is stored");
    let path = match place % 4 {
        0 | 1 => base.join(format!("{}.meta", victim.id())),
        2 => {
            let bucket = base.join(".store/expiry/2020-01-01T00");
            fs::create_dir_all(&bucket).expect("a directory");
            bucket.join("0000000000000000000000000a")
        }
        _ => base.join(".store/format.json"),
    };
    let text = String::from_utf8_lossy(bytes).replace("VICTIM", victim.id());
    fs::write(path, text).expect("a file");
    let Some(store) = open(base).await else {
        return;
    };
    let _ = store.retrieve_bytes(&victim, 1 << 20).await;
    for scope in [Scope::All, Scope::Session("s".parse().expect("an id"))] {
        store.list(scope.clone()).count().await;
        store.usage(scope).await.expect("usage is told");
    }
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let sweep = SweepOptions::new().with_depth(depth);
        store
            .sweep(sweep.with_dry_run())
            .await
            .expect("a sweep ends");
        store.sweep(sweep).await.expect("a sweep ends");
    }
    store
        .verify(VerifyOptions::new())
        .await
        .expect("a check ends");
    store
        .export_dedup_index()
        .await
        .expect("the index is written");
    let index = fs::read(base.join(".dedup-index.json")).expect("the index is there");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("the index is JSON");
    let hash = sound.sha256().expect("a hash").to_hex();
    assert_eq!(index[format!("sha256:{hash}")]["ref_count"], 1);
    let read = store
        .retrieve_bytes(&sound, 1 << 20)
        .await
        .expect("it reads");
    assert_eq!(read, "sound");
}

fuzz_target!(|data: &[u8]| {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let place = place.expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(check(&place.path().join("media"), data));
});
