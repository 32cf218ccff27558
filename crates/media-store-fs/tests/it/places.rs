//! Where a store may be opened, and what becomes of it when its place changes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, MediaUpload, Scope, StorageErrorKind,
    SweepDepth, SweepOptions,
};
use media_store_fs::{FilePermissions, FileStore};
use media_types::Mime;

use crate::support::{Place, get, internals, of, put, tree};

/// Names the directory in the child of the umask test.
const CHILD: &str = "MEDIA_STORE_FS_UMASK_CHILD";

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Stores in this process, whose umask the parent has set.
fn store_under_a_umask(directory: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    for (name, permissions) in [
        ("private", FilePermissions::Private),
        ("readable", FilePermissions::GroupReadable),
        ("shared", FilePermissions::GroupShared),
    ] {
        let builder = FileStore::builder(directory.join(name)).with_permissions(permissions);
        runtime.block_on(async {
            let store = builder.with_deduplication(true).build().await.unwrap();
            put(&store, "bytes", of("s", "c")).await;
        });
    }
}

#[test]
fn modes_are_the_same_under_every_umask() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return store_under_a_umask(Path::new(&directory));
    }
    for umask in ["000", "027", "077", "777"] {
        let root = tempfile::tempdir().unwrap();
        let script = format!(
            "umask {umask}; exec \"$0\" --exact places::modes_are_the_same_under_every_umask"
        );
        let status = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, root.path())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "umask {umask}");
        for (name, media, sidecar, directory) in [
            ("private", 0o400, 0o600, 0o700),
            ("readable", 0o440, 0o640, 0o750),
            ("shared", 0o440, 0o660, 0o2770),
        ] {
            let base = root.path().join(name);
            assert_eq!(mode(&base), directory, "{name} {umask}");
            for path in tree(&base) {
                let found = mode(&base.join(&path));
                let is_inner = path.starts_with(".store/");
                let expected = match path.as_str() {
                    ".store/" => continue,
                    _ if is_inner && path.ends_with('/') => 0o700,
                    _ if path.ends_with(".json") || path.ends_with("lock") => 0o600,
                    _ if path.ends_with('/') => directory,
                    _ if path.ends_with(".meta") => sidecar,
                    _ => media,
                };
                assert_eq!(
                    found & 0o007,
                    0,
                    "{path} of {name} under {umask}: {found:o}"
                );
                if !is_inner {
                    assert_eq!(found, expected, "{path} of {name} under {umask}: {found:o}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_directory_that_everybody_may_write_to_is_refused() {
    let place = Place::new();
    fs::create_dir(place.media()).unwrap();
    for (mode, refused) in [(0o777, true), (0o1777, true), (0o702, true), (0o770, false)] {
        fs::set_permissions(place.media(), fs::Permissions::from_mode(mode)).unwrap();
        let opened = place.builder().build().await;
        match opened {
            Err(error) if refused => assert_eq!(error.kind(), StorageErrorKind::Config),
            other => assert!(other.is_ok() && !refused, "{mode:o}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn places_that_are_none_are_told_apart() {
    let place = Place::new();
    fs::write(place.media(), "a file").unwrap();
    let error = place.builder().build().await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    assert!(error.to_string().contains("file"), "{error}");

    let error = FileStore::open(place.root().join("no/parent"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    assert!(error.to_string().contains("parent"), "{error}");

    let error = FileStore::open(place.media().join("below"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);

    // Nobody may make a directory here, not even the superuser.
    let error = FileStore::open("/sys/media-store-fs").await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Permission);
}

#[tokio::test]
async fn a_directory_that_vanished_is_unavailable_not_empty() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", of("s", "c")).await;
    fs::remove_dir_all(place.media()).unwrap();
    let is_unavailable = |what: &str, kind: Option<StorageErrorKind>| {
        assert_eq!(kind, Some(StorageErrorKind::Unavailable), "{what}");
    };
    let upload = || {
        MediaUpload::new(
            Mime::IMAGE_PNG,
            bytes::Bytes::from_static(b"bytes"),
            of("s", "c"),
        )
    };
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    let kind = |error: media_storage::StorageError| error.kind();
    is_unavailable("retrieve", store.retrieve(&reference).await.err().map(kind));
    is_unavailable("store", store.store(upload()).await.err().map(kind));
    is_unavailable("delete", store.delete(&reference).await.err().map(kind));
    is_unavailable("usage", store.usage(Scope::All).await.err().map(kind));
    is_unavailable("sweep", store.sweep(full).await.err().map(kind));
    is_unavailable(
        "delete-scope",
        store.delete_scope(Scope::All).await.err().map(kind),
    );
    is_unavailable("export", store.export_dedup_index().await.err().map(kind));
    let listed: Vec<_> = futures_util::StreamExt::collect(store.list(Scope::All)).await;
    let first: Option<Result<media_storage::Entry, _>> = listed.into_iter().next();
    is_unavailable("list", first.and_then(Result::err).map(kind));
    // A new one in its place is another store.
    let again = place.store().await;
    put(&again, "bytes", of("s", "c")).await;
    is_unavailable("store", store.store(upload()).await.err().map(kind));
}

#[tokio::test]
async fn internals_removed_by_hand_come_back_or_are_told() {
    let place = Place::new();
    let store = place.store().await;
    let one = put(&store, "bytes", of("s", "c")).await;
    for inner in ["tmp", "blobs", "expiry"] {
        let directory = place.media().join(".store").join(inner);
        for entry in fs::read_dir(&directory).unwrap() {
            fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        let again = put(&store, "bytes", of("s", "c")).await;
        assert_eq!(get(&store, &again).await, "bytes", "{inner}");
    }
    fs::remove_dir_all(place.media().join(".store")).unwrap();
    assert_eq!(get(&store, &one).await, "bytes");
    let upload = MediaUpload::new(
        Mime::IMAGE_PNG,
        bytes::Bytes::from_static(b"bytes"),
        of("s", "c"),
    );
    let error = store.store(upload).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable);
    let store = place.store().await;
    put(&store, "bytes", of("s", "c")).await;
    assert_eq!(get(&store, &one).await, "bytes");
}

#[tokio::test]
async fn a_sweeper_knows_the_dead_from_the_living() {
    let place = Place::new();
    let store = place.store().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, _>>(1);
    let body = futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let body = media_storage::MediaBody::from_stream(None, Box::pin(body));
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, of("s", "c"));
    let storing = {
        let store = store.clone();
        tokio::spawn(async move { store.store(upload).await })
    };
    // More than is gathered before it is written: when the second is taken, the first is staged.
    for _ in 0..3 {
        sender.send(Ok(vec![7; 300_000].into())).await.unwrap();
    }
    let dead = place.media().join(".store/tmp/0123456789abcdefghjkmnpqrs");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(dead.join("0123456789abcdefghjkmnpqrs"), "partial").unwrap();
    let sweeper = place.store().await;
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    let report = sweeper.sweep(full).await.unwrap();
    assert_eq!((report.staging, report.failed), (1, 0));
    assert!(!dead.exists());
    assert_eq!(internals(&place.media()).len(), 1, "what runs stays");
    drop(sender);
    let reference = storing.await.unwrap().unwrap();
    assert_eq!(reference.size(), Some(900_000));
    drop(sweeper);
    assert_eq!(internals(&place.media()).len(), 1, "the blob alone");
}

#[tokio::test]
async fn more_references_than_a_file_may_have_names() {
    /// Above what ext4 allows (65,000) and below what xfs does.
    const MANY: u32 = 70_000;
    let place = Place::new();
    let store = place.store().await;
    let first = put(&store, "bytes", of("s", "c")).await;
    let names = place.root().join("names");
    fs::create_dir(&names).unwrap();
    let media = place.media().join(first.id());
    let full = (0..MANY).find(|n| fs::hard_link(&media, names.join(n.to_string())).is_err());
    if full.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: a file without a name left: this file system gives more than {MANY}"
        );
        return;
    }
    let mut references = vec![first];
    for _ in 0..3 {
        references.push(put(&store, "bytes", of("s", "c")).await);
    }
    let another = place.store().await;
    references.push(put(&another, "bytes", of("s", "c")).await);
    for reference in &references {
        assert_eq!(get(&another, reference).await, "bytes");
    }
    let usage = store.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs, usage.copies), (5, 2, 0));
}

#[tokio::test]
async fn closing_a_store_does_not_disturb_what_is_under_way() {
    let place = Place::new();
    let store = place.store().await;
    for round in 0..50 {
        let storing: Vec<_> = (0..4)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    let bytes = format!("{round} {n}").into_bytes();
                    let upload = MediaUpload::new(Mime::IMAGE_PNG, bytes, of("s", "c"));
                    store.store(upload).await
                })
            })
            .collect();
        store.close().await.unwrap();
        for one in storing {
            one.await.unwrap().unwrap();
        }
    }
    store.close().await.unwrap();
    assert!(
        internals(&place.media())
            .iter()
            .all(|path| path.starts_with(".store/blobs/"))
    );
    assert_eq!(
        fs::read_dir(place.media().join(".store/tmp"))
            .unwrap()
            .count(),
        0
    );
}
