//! What another process left: found again, or removed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use media_read_cache::ReadCache;
use media_storage::{InMemoryStorage, MediaStorageExt as _, StorageErrorKind};
use media_types::Mime;

use super::streaming::Streaming;
use super::{Fixture, LARGE, MIB, files, get, noise, until};

/// Names the directory in the child of the kill test.
const CHILD: &str = "MEDIA_READ_CACHE_CHILD";

#[tokio::test(flavor = "multi_thread")]
async fn files_and_their_order_are_found_again() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let mut references = Vec::new();
    for seed in 0..4 {
        references.push(fixture.put(&noise(seed, 100)).await);
    }
    // The first is read twice: Linux notes the time of a second read by itself for no file system
    // that is mounted as usual.
    for (filled, n) in [(1, 0), (1, 0), (2, 1), (3, 2), (3, 0), (4, 3)] {
        get(&cache, &references[n]).await;
        until(&cache, |stats| stats.filled == filled).await;
        // File systems tell times in ticks of the kernel.
        std::thread::sleep(Duration::from_millis(20));
    }
    fixture.close(cache).await;
    let cache = fixture
        .builder()
        .with_capacity(3 * 4096)
        .build()
        .await
        .unwrap();
    let stats = cache.stats();
    assert_eq!(
        (stats.entries, stats.evictions, stats.bytes),
        (3, 1, 3 * 4096)
    );
    for n in [0, 2, 3] {
        get(&cache, &references[n]).await;
    }
    assert_eq!(cache.stats().hits, 3);
    get(&cache, &references[1]).await;
    assert_eq!(cache.stats().misses, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_there_twice_are_counted_once() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let reference = fixture.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    fixture.close(cache).await;
    let hash = reference.sha256().unwrap();
    let twin = fixture.slot().join(format!("{hash}-1000-77"));
    fs::copy(&fixture.files()[0], twin).unwrap();
    let cache = fixture.cache().await;
    assert_eq!((cache.stats().entries, cache.stats().bytes), (1, 4096));
    assert_eq!(fixture.files().len(), 1);
    assert!(get(&cache, &reference).await == noise(1, 1000));
    assert_eq!(cache.stats().hits, 1);
}

/// Reads half of a body, tells so, and waits for its end.
fn read_half(dir: &std::ffi::OsStr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Streaming::new(InMemoryStorage::new());
        let cache = ReadCache::builder(store.clone(), dir)
            .build()
            .await
            .unwrap();
        for (seed, len) in [(1, 1000), (2, LARGE)] {
            let stored = store.store_bytes(Mime::IMAGE_PNG, noise(seed, len), Default::default());
            let reference = stored.await.unwrap();
            if len == 1000 {
                get(&cache, &reference).await;
                until(&cache, |stats| stats.entries == 1).await;
                continue;
            }
            let mut body = cache.retrieve(&reference).await.unwrap().body.into_stream();
            let mut read = 0;
            while read < 3 * MIB {
                read += body.next().await.unwrap().unwrap().len();
            }
            // Until it lies on the disk.
            let slot = std::path::Path::new(dir).join("0");
            while !files(&slot).iter().any(|path| {
                path.extension().is_some() && fs::metadata(path).unwrap().len() > MIB as u64
            }) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            println!("\nhalf");
            std::future::pending::<()>().await;
        }
    });
}

#[test]
fn a_kill_in_the_middle_leaves_what_was_whole() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return read_half(&dir);
    }
    let fixture = Fixture::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("restart::a_kill_in_the_middle_leaves_what_was_whole")
        .env(CHILD, fixture.dir())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "half"));
    assert_eq!(fixture.files().len(), 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let neighbour = fixture.cache().await;
        assert_eq!(
            fixture.files().len(),
            2,
            "it is not ours while its owner lives"
        );
        fixture.close_slot(neighbour, "1").await;
        child.kill().unwrap();
        child.wait().unwrap();
        let cache = fixture.cache().await;
        assert_eq!((cache.stats().entries, cache.stats().bytes), (1, 4096));
        assert_eq!(fixture.files().len(), 1);
        let reference = fixture.put(&noise(1, 1000)).await;
        assert!(get(&cache, &reference).await == noise(1, 1000));
        assert_eq!(cache.stats().hits, 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_left_alone_and_links_are_not_followed() {
    let fixture = Fixture::new();
    fixture.close(fixture.cache().await).await;
    let hash = media_types::Sha256::EMPTY.to_hex();
    fs::write(fixture.slot().join("notes.txt"), "mine").unwrap();
    #[cfg(unix)]
    {
        let target = fixture.root.path().join("secret");
        fs::write(&target, "x").unwrap();
        std::os::unix::fs::symlink(&target, fixture.slot().join(format!("{hash}-1-5"))).unwrap();
    }
    let cache = fixture.cache().await;
    assert_eq!(cache.stats().entries, 0);
    cache.clear().await.unwrap();
    assert_eq!(fs::read(fixture.slot().join("notes.txt")).unwrap(), b"mine");
    fixture.close(cache).await;
    #[cfg(unix)]
    {
        fs::remove_dir_all(fixture.slot()).unwrap();
        std::os::unix::fs::symlink(fixture.root.path(), fixture.slot()).unwrap();
        assert!(fixture.builder().build().await.is_err());
    }
    let _ = hash;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.slot()).unwrap();
    fs::set_permissions(fixture.slot(), fs::Permissions::from_mode(0o777)).unwrap();
    let cache = fixture.cache().await;
    let reference = fixture.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    assert_eq!(mode(&fixture.slot()), 0o700);
    assert_eq!(mode(&fixture.files()[0]), 0o600);
    let fresh = fixture.root.path().join("new");
    let builder = ReadCache::builder(fixture.store.clone(), &fresh);
    builder.build().await.unwrap();
    assert_eq!(mode(&fresh), 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_one_is_told_at_once() {
    let fixture = Fixture::new();
    fs::write(fixture.dir(), "a file").unwrap();
    let error = fixture.builder().build().await.unwrap_err();
    assert_eq!(error.operation(), media_storage::Operation::Open);
    let small = fixture.builder().with_capacity(4095).build().await;
    assert_eq!(small.unwrap_err().kind(), StorageErrorKind::Config);
}
