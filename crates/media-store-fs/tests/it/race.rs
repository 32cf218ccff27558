//! A directory that is swapped for a symbolic link while the store works in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, MediaUpload, Scope, SweepDepth,
    SweepOptions,
};
use media_store_fs::Durability;
use media_types::{Mime, StorageReference};

use crate::support::{Place, of, tree};

const TIME: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_swapped_directory_leads_out() {
    let place = Place::new();
    let store = place
        .builder()
        .with_durability(Durability::Buffered)
        .build()
        .await
        .unwrap();
    let upload = |bytes: &'static str| {
        MediaUpload::new(
            Mime::IMAGE_PNG,
            bytes::Bytes::from_static(bytes.as_bytes()),
            of("victim", "conv"),
        )
    };
    let inside = store.store(upload("inside")).await.unwrap();
    // Outside lies media of the same name that is sound in itself.
    let other = Place::new();
    let elsewhere = other.builder().build().await.unwrap();
    let secret = elsewhere.store(upload("secret")).await.unwrap();
    let outside = other.media().join("victim");
    let name = |suffix: &str| format!("conv/{}{suffix}", inside.file_name());
    fs::copy(other.media().join(secret.id()), outside.join(name(""))).unwrap();
    let sidecar = fs::read_to_string(other.media().join(format!("{}.meta", secret.id()))).unwrap();
    let sidecar = sidecar.replace(secret.id(), inside.id());
    fs::write(outside.join(name(".meta")), sidecar).unwrap();
    let before = tree(&outside);

    // Nothing but the id: whatever lies there would be taken.
    let reference = StorageReference::builder("file", inside.id())
        .build()
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swaps = Arc::new(AtomicU64::new(0));
    let swapper = {
        let (stop, swaps) = (Arc::clone(&stop), Arc::clone(&swaps));
        let (victim, aside) = (place.media().join("victim"), place.root().join("aside"));
        let link = place.root().join("link");
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = symlink(&outside, &link);
                // The store may create a new directory in the gap; then this one is moved back.
                if fs::rename(&victim, &aside).is_ok() && fs::rename(&link, &victim).is_ok() {
                    let _ = fs::remove_file(&victim);
                }
                while fs::rename(&aside, &victim).is_err() {
                    let _ = fs::remove_dir_all(&victim);
                }
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let began = Instant::now();
    let (mut read, mut refused) = (0_u64, 0_u64);
    while began.elapsed() < TIME {
        match store.retrieve_bytes(&reference, 1024).await {
            Ok(bytes) => {
                assert_eq!(bytes, "inside", "an escape");
                read += 1;
            }
            Err(_) => refused += 1,
        }
        if (read + refused).is_multiple_of(8) {
            // These may fail; they may not reach out.
            if let Ok(stored) = store.store(upload("more")).await {
                let _ = store.delete(&stored).await;
            }
        }
        if (read + refused).is_multiple_of(64) {
            let full = SweepOptions::new().with_depth(SweepDepth::Full);
            let _ = store.sweep(full).await;
            let _ = store.usage(Scope::All).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    let counted = (read, refused, swaps.load(Ordering::Relaxed));
    assert!(
        counted.0 > 100 && counted.1 > 100 && counted.2 > 100,
        "{counted:?}"
    );
    assert_eq!(before, tree(&other.media().join("victim")), "{counted:?}");
}
