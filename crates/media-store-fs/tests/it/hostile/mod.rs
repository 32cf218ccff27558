//! Everything that may lie in a directory in place of what should: no hang, no escape, typed errors.

mod files;

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
