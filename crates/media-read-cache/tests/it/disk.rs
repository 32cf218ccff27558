//! A disk that is full, gone or odd fails no read.

use std::fs;

use media_storage::{DeleteOptions, MediaStorage as _};

use super::{Fixture, KIB, LARGE, get, get_range, noise, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_removed_fails_no_read() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    fs::remove_dir_all(fixture.dir()).unwrap();
    for seed in 1..4 {
        let small = noise(seed, 200 * KIB);
        let other = fixture.put(&small).await;
        assert!(get(&cache, &reference).await == bytes);
        assert!(get(&cache, &other).await == small);
        assert!(get_range(&cache, &other, 1, 2).await == small.slice(1..2));
    }
    until(&cache, |stats| stats.bytes == 0).await;
    assert_eq!((cache.stats().hits, cache.stats().entries), (0, 0));
    assert_eq!(cache.backend(), "memory");
}

/// A disk that does not answer, made of the only thread that may block.
#[test]
fn a_disk_that_hangs_fails_no_read() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let fixture = Fixture::new();
        let cache = fixture.cache().await;
        let (bytes, small, large) = (noise(1, 1000), noise(2, 1000), noise(3, LARGE));
        let there = fixture.put(&bytes).await;
        get(&cache, &there).await;
        until(&cache, |stats| stats.entries == 1).await;
        let absent = fixture.put(&small).await;
        let stream = fixture.put(&large).await;
        let hung = tokio::task::spawn_blocking(move || held.recv());
        let begun = std::time::Instant::now();
        let reads = futures_util::future::join3(
            get(&cache, &there),
            get(&cache, &absent),
            get(&cache, &stream),
        );
        let read = reads.await;
        assert!(read == (bytes.clone(), small, large));
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
        // The disk is left alone now.
        let begun = std::time::Instant::now();
        assert!(get(&cache, &there).await == bytes);
        assert!(begun.elapsed() < std::time::Duration::from_secs(4));
        assert_eq!((cache.stats().hits, cache.stats().filled), (0, 1));
        drop(release);
        assert!(hung.await.unwrap().is_err());
        // What was whole enters late, the body that was given up does not.
        until(&cache, |stats| stats.filled == 2 && stats.abandoned == 1).await;
        assert_eq!(fixture.files().len(), 2);
    });
}

#[test]
fn deletions_wait_for_a_hung_disk_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let fixture = Fixture::new();
        let cache = fixture.cache().await;
        let mut references = Vec::new();
        for seed in 0..4 {
            let reference = fixture.put(&noise(seed, 1000)).await;
            get(&cache, &reference).await;
            references.push(reference);
        }
        until(&cache, |stats| stats.entries == 4).await;
        let hung = tokio::task::spawn_blocking(move || held.recv());
        let begun = std::time::Instant::now();
        let deleted = cache.delete_many(&references, DeleteOptions::new()).await;
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(9));
        // No reader finds them, whatever the disk does.
        assert_eq!(cache.stats().entries, 0);
        drop(release);
        assert!(hung.await.unwrap().is_err());
        while !fixture.files().is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

/// A small file system of its own, gone at the end.
#[cfg(target_os = "linux")]
struct Tmpfs(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Tmpfs {
    fn mount(path: std::path::PathBuf, size: usize) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={size}"))
            .arg("tmpfs")
            .arg(&path)
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "a small tmpfs cannot be mounted; only the superuser may. Without that right, set {}=1",
            WITHOUT
        );
        Self(path)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Tmpfs {
    fn drop(&mut self) {
        let gone = std::process::Command::new("umount").arg(&self.0).status();
        if !gone.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

/// Says that mounting is not possible here.
#[cfg(target_os = "linux")]
const WITHOUT: &str = "MEDIA_TESTS_WITHOUT_MOUNT";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_no_read() {
    use std::io::Write as _;
    if std::env::var_os(WITHOUT).is_some() {
        let mut told = std::io::stderr();
        writeln!(told, "NOT RUN: a_full_disk_fails_no_read: no mounting").unwrap();
        return;
    }
    let fixture = Fixture::new();
    let disk = Tmpfs::mount(fixture.dir(), 2 << 20);
    // It may take a gigabyte, and the disk has two megabytes.
    let cache = fixture.cache().await;
    for seed in 0..4 {
        for len in [900 * KIB, LARGE] {
            let bytes = noise(seed, len);
            let reference = fixture.put(&bytes).await;
            for _ in 0..2 {
                assert!(get(&cache, &reference).await == bytes);
            }
        }
    }
    // Each large one was begun twice and given up; of the small ones some had room.
    until(&cache, |stats| stats.abandoned >= 8).await;
    until(&cache, |stats| stats.filled + stats.abandoned >= 12).await;
    assert!(cache.stats().filled >= 1 && cache.stats().filled <= 2);
    let whole = fixture
        .files()
        .into_iter()
        .filter(|path| path.extension().is_none());
    assert_eq!(whole.count() as u64, cache.stats().filled);
    // The disk has room again, and the cache works again.
    cache.clear().await.unwrap();
    let bytes = noise(9, 900 * KIB);
    let reference = fixture.put(&bytes).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    fixture.close(cache).await;
    drop(disk);
}
