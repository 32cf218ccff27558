//! Everything that may lie in a directory in place of what should: no hang, no escape, typed errors.

use std::fs;
use std::future::Future;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, RetrieveOptions, Scope, StorageError,
    StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_fs::{Durability, FileStore, VerifyOptions};
use media_types::StorageReference;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::support::{Place, get, of, put};

const BYTES: &str = "the bytes of the media";

/// What hangs does so for ever; all else takes milliseconds, or longer when the machine is busy.
const HANGS: Duration = Duration::from_secs(120);

/// Ends the whole run when something hangs: a thread that hangs cannot be ended alone.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANGS, future).await {
        Ok(value) => value,
        Err(_) => {
            let _ = writeln!(std::io::stderr(), "{what} did not end within {HANGS:?}");
            std::process::abort();
        }
    }
}

/// What lies in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    LinkOut,
    LinkToNothing,
    LinkToItself,
    Fifo,
    Socket,
    Device,
    Directory,
    File,
    Nothing,
}

impl Wrong {
    const ALL: [Self; 9] = [
        Self::LinkOut,
        Self::LinkToNothing,
        Self::LinkToItself,
        Self::Fifo,
        Self::Socket,
        Self::Device,
        Self::Directory,
        Self::File,
        Self::Nothing,
    ];

    /// Puts it where something else was, which moves out, so that a followed link finds it all.
    fn put(self, at: &Path, outside: &Path) {
        let moved = outside.join("moved");
        if at.symlink_metadata().is_ok() {
            fs::rename(at, &moved).unwrap();
        }
        let node = |kind, device| mknodat(CWD, at, kind, Mode::from(0o600), device);
        match self {
            Self::LinkOut => symlink(&moved, at).unwrap(),
            Self::LinkToNothing => symlink(outside.join("nothing"), at).unwrap(),
            Self::LinkToItself => symlink(at, at).unwrap(),
            Self::Fifo => node(FileType::Fifo, 0).unwrap(),
            Self::Socket => {
                // A socket's path is short by law; it is bound elsewhere and moved here.
                let short = outside.join("s");
                drop(UnixListener::bind(&short).unwrap());
                fs::rename(short, at).unwrap();
            }
            Self::Device => {
                if node(FileType::CharacterDevice, makedev(1, 5)).is_err() {
                    let _ = writeln!(
                        std::io::stderr(),
                        "NOT RUN: devices in a store: only the superuser makes them"
                    );
                }
            }
            Self::Directory => {
                fs::create_dir(at).unwrap();
                fs::write(at.join("inner"), "x").unwrap();
            }
            Self::File => fs::write(at, "{ not what it should be").unwrap(),
            Self::Nothing => {}
        }
    }
}

/// A file as it was: name, content, identity and mode. What was moved out shares its inode with
/// other media, so the number of its names tells nothing.
type Seen = (PathBuf, Vec<u8>, u64, u32);

fn snapshot(directory: &Path) -> Vec<Seen> {
    let mut seen = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        seen.push((path.clone(), content, metadata.ino(), metadata.mode()));
        if metadata.is_dir() {
            seen.extend(snapshot(&path));
        }
    }
    seen.sort();
    seen
}

async fn open(place: &Place) -> Result<FileStore, StorageError> {
    let builder = place.builder().with_durability(Durability::Buffered);
    in_time("open", builder.build()).await
}

/// Errors that say what they are.
fn typed<T>(what: &str, result: &Result<T, StorageError>) {
    if let Err(error) = result {
        assert!(
            !matches!(
                error.kind(),
                StorageErrorKind::Other | StorageErrorKind::Unsupported
            ),
            "{what}: {error:?}"
        );
    }
}

/// Does everything that a store can do; whether each ends in time and with an error of its kind.
async fn everything(what: &str, place: &Place, victim: &StorageReference) {
    let Ok(store) = open(place).await.inspect_err(|error| {
        typed::<()>(
            what,
            &Err(StorageError::new(error.kind(), error.operation())),
        );
    }) else {
        return;
    };
    let scoped = RetrieveOptions::new()
        .with_expected_scope(Scope::Session("session-victim".parse().unwrap()));
    let read = async {
        let media = store.retrieve_opts(victim, scoped).await?;
        media.body.bytes(1 << 20).await
    };
    typed(what, &in_time("retrieve", read).await);
    let read = in_time("retrieve", store.retrieve_bytes(victim, 1 << 20)).await;
    typed(what, &read);
    for (session, bytes) in [
        ("session-victim", BYTES),
        ("session-victim", "other bytes"),
        ("session-new", BYTES),
    ] {
        let upload = media_storage::MediaUpload::new(
            media_types::Mime::IMAGE_PNG,
            bytes::Bytes::from_static(bytes.as_bytes()),
            of(session, "conv").with_retention(media_storage::RetentionPolicy::RetainDays(1)),
        );
        let stored = in_time("store", store.store(upload)).await;
        typed(what, &stored);
        if let Ok(reference) = stored {
            assert_eq!(get(&store, &reference).await, bytes, "{what}");
        }
    }
    let list = store.list(Scope::All).collect::<Vec<_>>();
    for entry in in_time("list", list).await {
        typed(what, &entry);
    }
    let session = Scope::Session("session-victim".parse().unwrap());
    typed(what, &in_time("usage", store.usage(Scope::All)).await);
    typed(what, &in_time("usage", store.usage(session.clone())).await);
    typed(what, &in_time("export", store.export_dedup_index()).await);
    typed(
        what,
        &in_time("verify", store.verify(VerifyOptions::new())).await,
    );
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let options = SweepOptions::new().with_depth(depth);
        typed(what, &in_time("sweep", store.sweep(options)).await);
    }
    typed(what, &in_time("delete", store.delete(victim)).await);
    typed(
        what,
        &in_time("delete-scope", store.delete_scope(session)).await,
    );
    typed(what, &in_time("close", store.close()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_the_wrong_place_is_followed_or_waited_for() {
    let positions = [
        "session-victim",
        "session-victim/conv",
        "session-victim/conv/{file}",
        "session-victim/conv/{file}.meta",
        ".dedup-index.json",
        ".store",
        ".store/tmp",
        ".store/tmp/0000000000000000000000000a",
        ".store/blobs",
        ".store/blobs/buffered",
        ".store/blobs/buffered/{shelf}",
        ".store/blobs/buffered/{shelf}/{hash}",
        ".store/expiry",
        ".store/expiry/2020-01-01T00",
        ".store/format.json",
        ".store/format.lock",
        ".store/quarantine",
    ];
    for position in positions {
        for wrong in Wrong::ALL {
            let what = format!("{wrong:?} at {position}");
            let place = Place::new();
            let outside = place.root().join("outside");
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("secret"), "secret").unwrap();
            let store = open(&place).await.unwrap();
            let victim = put(&store, BYTES, of("session-victim", "conv")).await;
            let other = put(&store, BYTES, of("session-other", "conv")).await;
            store.export_dedup_index().await.unwrap();
            let hash = victim.sha256().unwrap().to_hex();
            let position = position
                .replace("{file}", victim.file_name())
                .replace("{shelf}", &hash[..2])
                .replace("{hash}", &hash);
            wrong.put(&place.media().join(&position), &outside);
            let before = snapshot(&outside);
            // Both a store that was open before and one that opens now.
            let read = in_time("retrieve", store.retrieve_bytes(&victim, 1 << 20)).await;
            typed(&what, &read);
            let media_is_elsewhere = wrong != Wrong::Directory
                && position.starts_with("session-victim")
                && !position.ends_with(".meta");
            assert!(read.is_err() || !media_is_elsewhere, "{what}: it was read");
            everything(&what, &place, &victim).await;
            assert_eq!(get(&store, &other).await, BYTES, "{what}");
            assert!(before == snapshot(&outside), "{what}: the outside changed");
            let secret = fs::metadata(outside.join("secret")).unwrap();
            assert_eq!(secret.nlink(), 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_special_file_as_media_or_sidecar_is_corrupted() {
    for wrong in Wrong::ALL {
        if wrong == Wrong::Nothing {
            continue;
        }
        let place = Place::new();
        let outside = place.root().join("outside");
        fs::create_dir(&outside).unwrap();
        let store = place.store().await;
        let media = put(&store, BYTES, of("s", "c")).await;
        wrong.put(&place.media().join(media.id()), &outside);
        let error = store.retrieve(&media).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        assert_eq!(error.key(), Some(media.id()));
        if wrong != Wrong::File {
            let error = store.delete(&media).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        }

        let outside = place.root().join("outside-2");
        fs::create_dir(&outside).unwrap();
        let described = put(&store, BYTES, of("s", "c")).await;
        let sidecar = place.media().join(format!("{}.meta", described.id()));
        wrong.put(&sidecar, &outside);
        // The reference has size and hash, but only the sidecar knows the scope.
        assert_eq!(get(&store, &described).await, BYTES, "{wrong:?}");
        let scope = Scope::Session("s".parse().unwrap());
        let options = RetrieveOptions::new().with_expected_scope(scope);
        let error = store.retrieve_opts(&described, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
        let unknown = StorageReference::builder("file", described.id());
        let error = store.retrieve(&unknown.build().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_blob_that_is_no_file_is_replaced() {
    for wrong in [
        Wrong::LinkOut,
        Wrong::LinkToItself,
        Wrong::Fifo,
        Wrong::Socket,
        Wrong::File,
    ] {
        let place = Place::new();
        let outside = place.root().join("outside");
        fs::create_dir(&outside).unwrap();
        let first = place.store().await;
        let one = put(&first, BYTES, of("s", "c")).await;
        let hash = one.sha256().unwrap().to_hex();
        let blob = format!(".store/blobs/sha256/{}/{hash}", &hash[..2]);
        wrong.put(&place.media().join(&blob), &outside);
        let store = place.store().await;
        let two = put(&store, BYTES, of("s", "c")).await;
        let three = put(&store, BYTES, of("s", "c")).await;
        for reference in [&one, &two, &three] {
            assert_eq!(get(&store, reference).await, BYTES, "{wrong:?}");
        }
        let inode = |id: &str| fs::metadata(place.media().join(id)).unwrap().ino();
        assert_eq!(inode(two.id()), inode(three.id()), "{wrong:?}");
        assert_eq!(inode(two.id()), inode(&blob), "{wrong:?}");
    }
}

#[tokio::test]
async fn huge_and_bottomless_sidecars_cost_nothing() {
    let place = Place::new();
    let store = place.store().await;
    let good = fs::read(place.media().join(format!(
        "{}.meta",
        put(&store, BYTES, of("s", "c")).await.id()
    )))
    .unwrap();
    let deep = [
        b"{\"a\":".repeat(13_000),
        b"1".to_vec(),
        b"}".repeat(13_000),
    ]
    .concat();
    let big_number = String::from_utf8(good.clone()).unwrap().replace(
        &format!("\"size_bytes\": {}", BYTES.len()),
        "\"size_bytes\": 1e999",
    );
    let sidecars: [(&str, Vec<u8>); 8] = [
        ("empty", Vec::new()),
        ("bottomless", b"[".repeat(64 * 1024)),
        ("bottomless and huge", b"[".repeat(10 * 1024 * 1024)),
        ("deep", deep),
        ("of another", good),
        ("numbers", big_number.into_bytes()),
        ("not text", vec![0xff; 4000]),
        ("null", b"null".to_vec()),
    ];
    for (what, json) in sidecars {
        let reference = put(&store, BYTES, of("s", "c")).await;
        let path = place.media().join(format!("{}.meta", reference.id()));
        fs::write(&path, json).unwrap();
        assert_eq!(get(&store, &reference).await, BYTES, "{what}");
        let id = StorageReference::builder("file", reference.id())
            .build()
            .unwrap();
        let error = in_time(what, store.retrieve(&id)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{what}");
        // Ten gigabytes that take no room.
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(10 << 30)
            .unwrap();
        let error = in_time(what, store.retrieve(&id)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{what}");
    }
    let listed = store.list(Scope::All).collect::<Vec<_>>();
    let listed = in_time("list", listed).await;
    let failed = listed.iter().filter(|entry| entry.is_err()).count();
    assert_eq!((listed.len(), failed), (9, 8));
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    in_time("sweep", store.sweep(full)).await.unwrap();
    let usage = in_time("usage", store.usage(Scope::All)).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (9, 1));
}

#[tokio::test]
async fn names_that_no_store_writes_are_passed_over() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, BYTES, of("s", "c")).await;
    let not_text = std::ffi::OsStr::from_bytes(b"\xff\xfe\x80");
    let long = "x".repeat(255);
    let hash = reference.sha256().unwrap().to_hex();
    let shelf = format!(".store/blobs/sha256/{}", &hash[..2]);
    for directory in [
        "",
        "s",
        "s/c",
        ".store",
        ".store/tmp",
        ".store/blobs",
        &shelf,
        ".store/expiry",
    ] {
        let directory = place.media().join(directory);
        fs::create_dir(directory.join(not_text)).unwrap();
        fs::create_dir(directory.join("lost+found")).unwrap();
        fs::write(directory.join(&long), "x").unwrap();
        fs::write(
            directory.join(std::ffi::OsStr::from_bytes(b"\x80.png")),
            "x",
        )
        .unwrap();
    }
    let listed = store.list(Scope::All).collect::<Vec<_>>();
    let listed: Vec<_> = in_time("list", listed).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 1);
    store.export_dedup_index().await.unwrap();
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    store.sweep(full).await.unwrap();
    assert_eq!(get(&store, &reference).await, BYTES);
    for segment in [
        "x".repeat(300),
        "y".repeat(1000),
        "a b".to_owned(),
        "\u{202e}".to_owned(),
    ] {
        let id = format!("{segment}/c/{}", reference.file_name());
        let Ok(forged) = StorageReference::builder("file", &id).build() else {
            continue;
        };
        let error = store.retrieve(&forged).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidRef, "{id}");
    }
}

#[tokio::test]
async fn lost_hints_keep_nothing_alive() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = of("s", "c").with_retention(media_storage::RetentionPolicy::RetainHours(1));
    put(&store, BYTES, metadata).await;
    fs::remove_dir_all(place.media().join(".store/expiry")).unwrap();
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(2);
    let sweep = SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_now(later);
    let store = place.store().await;
    let planned = store.sweep(sweep.with_dry_run()).await.unwrap();
    let done = store.sweep(sweep).await.unwrap();
    assert_eq!(planned, done);
    assert_eq!((done.expired, done.failed), (1, 0));
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 0);
}
