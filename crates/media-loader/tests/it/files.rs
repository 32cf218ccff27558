//! Files: denied, allowed, and never anything but a regular file inside.

use std::path::Path;
use std::time::Duration;

use media_loader::{FileAccess, LoadErrorKind, MediaLoader};
use media_types::{MediaContent, Mime};

use crate::{kind, png};

fn loader(access: FileAccess) -> MediaLoader {
    MediaLoader::builder().with_file_access(access).build()
}

fn at(path: impl AsRef<Path>) -> MediaContent {
    MediaContent::from_path(Mime::IMAGE_PNG, path)
}

/// A directory `in` with `a.png`, `sub/b.png` and nothing else, beside `secret.png`.
fn tree() -> (tempfile::TempDir, MediaLoader) {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("in");
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    for name in ["in/a.png", "in/sub/b.png", "secret.png"] {
        std::fs::write(dir.path().join(name), png(300_000)).unwrap();
    }
    (dir, loader(FileAccess::Under(inside)))
}

#[tokio::test]
async fn files_are_denied_by_default() {
    let (dir, _) = tree();
    for loader in [MediaLoader::builder().build(), loader(FileAccess::Deny)] {
        for path in [dir.path().join("secret.png"), "no-such-file".into()] {
            assert_eq!(kind(&loader, &at(path)).await, LoadErrorKind::FileDenied);
        }
    }
}

#[tokio::test]
async fn files_inside_load() {
    let (_dir, loader) = tree();
    for path in ["a.png", "sub/b.png", "./sub/./b.png"] {
        let media = loader.open(&at(path)).await.unwrap();
        assert_eq!((media.size, media.mime), (Some(300_000), Mime::IMAGE_PNG));
        assert!(media.body.bytes(300_000).await.unwrap() == png(300_000));
    }
    let error = loader.bytes(&at("gone.png")).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::FileNotFound);
    assert!(error.is_missing());
    for path in [".", "sub", "sub/"] {
        assert_eq!(
            kind(&loader, &at(path)).await,
            LoadErrorKind::NotRegularFile,
            "{path}"
        );
    }
    assert!(matches!(
        kind(&loader, &at("a.png/x")).await,
        LoadErrorKind::File | LoadErrorKind::FileNotFound
    ));
    for path in ["", "a\0b"] {
        let kind = kind(&loader, &at(path)).await;
        assert!(
            matches!(
                kind,
                LoadErrorKind::File | LoadErrorKind::FileNotFound | LoadErrorKind::NotRegularFile
            ),
            "{path:?}: {kind:?}"
        );
    }
}

#[tokio::test]
async fn no_path_leads_out() {
    let (dir, loader) = tree();
    let inside = dir.path().join("in");
    for path in [
        Path::new("../secret.png").to_owned(),
        "sub/../../secret.png".into(),
        "sub/../a.png".into(),
        "..".into(),
        "/etc/passwd".into(),
        inside.join("a.png"),
    ] {
        let kind = kind(&loader, &at(&path)).await;
        assert_eq!(kind, LoadErrorKind::FileDenied, "{}", path.display());
    }
}

#[tokio::test]
async fn errors_do_not_tell_where_the_directory_is() {
    let (dir, loader) = tree();
    for path in ["gone.png", "../secret.png", "sub"] {
        let error = loader.bytes(&at(path)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(dir.path().to_str().unwrap()), "{shown}");
    }
    drop(dir);
    let error = loader.bytes(&at("a.png")).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::File);
}

#[tokio::test]
async fn everything_regular_loads_where_all_is_allowed() {
    let (dir, _) = tree();
    let loader = loader(FileAccess::Any);
    for path in ["secret.png", "in/../secret.png"] {
        let content = at(dir.path().join(path));
        assert!(loader.bytes(&content).await.unwrap() == png(300_000));
    }
    assert_eq!(
        kind(&loader, &at(dir.path())).await,
        LoadErrorKind::NotRegularFile
    );
    let gone = at(dir.path().join("gone.png"));
    assert_eq!(kind(&loader, &gone).await, LoadErrorKind::FileNotFound);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    let (dir, loader) = tree();
    let path = dir.path().join("in/a.png");
    for new_len in [290_000, 310_000] {
        std::fs::write(&path, png(300_000)).unwrap();
        let media = loader.open(&at("a.png")).await.unwrap();
        std::fs::write(&path, png(new_len)).unwrap();
        let read = media.body.bytes(1_000_000).await;
        assert!(read.is_err(), "{new_len} bytes passed for 300,000");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn symlinks_are_followed_inside_only() {
    use std::os::unix::fs::symlink;
    let (dir, loader) = tree();
    let inside = dir.path().join("in");
    symlink("sub/b.png", inside.join("good")).unwrap();
    symlink("../secret.png", inside.join("out")).unwrap();
    symlink(dir.path().join("secret.png"), inside.join("absolute")).unwrap();
    symlink("..", inside.join("up")).unwrap();
    symlink("/", inside.join("root")).unwrap();
    assert!(loader.bytes(&at("good")).await.is_ok());
    for path in ["out", "absolute", "up/secret.png", "root/etc/passwd"] {
        assert_eq!(
            kind(&loader, &at(path)).await,
            LoadErrorKind::FileDenied,
            "{path}"
        );
    }
    symlink("loop", inside.join("loop")).unwrap();
    assert_eq!(kind(&loader, &at("loop")).await, LoadErrorKind::File);
}

#[cfg(unix)]
#[tokio::test]
async fn hard_links_are_refused_where_that_is_asked_for() {
    let (dir, under) = tree();
    let inside = dir.path().join("in");
    std::fs::hard_link(dir.path().join("secret.png"), inside.join("linked")).unwrap();
    assert!(under.bytes(&at("linked")).await.is_ok());
    let strict = loader(FileAccess::UnderWithoutHardLinks(inside));
    let refused = kind(&strict, &at("linked")).await;
    assert_eq!(refused, LoadErrorKind::FileDenied);
    assert!(strict.bytes(&at("sub/b.png")).await.is_ok());
    let refused = kind(&strict, &at("../secret.png")).await;
    assert_eq!(refused, LoadErrorKind::FileDenied);
}

#[cfg(unix)]
#[tokio::test]
async fn pipes_and_devices_are_refused_without_a_hang() {
    use std::os::unix::fs::symlink;
    let (dir, under) = tree();
    let inside = dir.path().join("in");
    let pipe = inside.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let socket = inside.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    symlink("/dev/zero", inside.join("zero")).unwrap();
    let any = loader(FileAccess::Any);
    let refused = async {
        for (loader, path) in [
            (&under, Path::new("pipe").to_owned()),
            (&under, "socket".into()),
            (&any, pipe),
            (&any, socket),
            (&any, inside.join("zero")),
            (&any, "/dev/zero".into()),
            (&any, "/dev/tty".into()),
        ] {
            let kind = kind(loader, &at(&path)).await;
            assert_eq!(kind, LoadErrorKind::NotRegularFile, "{}", path.display());
        }
        assert_eq!(kind(&under, &at("zero")).await, LoadErrorKind::FileDenied);
    };
    let ended = tokio::time::timeout(Duration::from_secs(120), refused).await;
    ended.expect("no load hangs");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_claims_to_be_empty_is_not_read_without_bound() {
    let any = loader(FileAccess::Any);
    let content = MediaContent::from_path(Mime::TEXT_PLAIN, "/proc/self/maps");
    assert_eq!(kind(&any, &content).await, LoadErrorKind::File);
}
