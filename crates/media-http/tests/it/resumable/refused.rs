//! What is refused, and changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_http::{ResumableErrorKind, ResumableUploadService, SpoolOptions, UploadSpool};
use media_storage::InMemoryStorage;
use reqwest::Method;

use super::site::{MIB, PART, Users, chunks, header, site, status};
use crate::support::{noise, png};

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let options = SpoolOptions::new()
        .with_capacity(6 * MIB)
        .with_max_uploads_per_user(3);
    let site = site(options).await;
    let path = site.begin(1000).await;
    assert_eq!(status(site.patch(&path, 0, png(100))).await, 204);
    let unknown = format!("/files/{}", "0".repeat(32));
    let post = || site.request(Method::POST, "/files");
    let as_user = |user: &str, method, path: &str| {
        let request = site.http.request(method, format!("{}{path}", site.address));
        request
            .header("x-user", user)
            .header("tus-resumable", "1.0.0")
    };
    let plain = |method| site.http.request(method, format!("{}{path}", site.address));
    let typed = |mime: &'static str| {
        let request = site
            .request(Method::PATCH, &path)
            .header("content-type", mime);
        request.header("upload-offset", 100).body("x")
    };
    let cases = [
        (
            "no version",
            plain(Method::HEAD).header("x-user", "user-1"),
            412,
        ),
        (
            "another version",
            plain(Method::HEAD).header("tus-resumable", "0.2.2"),
            412,
        ),
        (
            "no user",
            plain(Method::HEAD).header("tus-resumable", "1.0.0"),
            401,
        ),
        ("a banned user", as_user("banned", Method::HEAD, &path), 403),
        (
            "head of another user's",
            as_user("user-2", Method::HEAD, &path),
            404,
        ),
        (
            "deletion of another user's",
            as_user("user-2", Method::DELETE, &path),
            404,
        ),
        (
            "a part of another user",
            as_user("user-2", Method::PATCH, &path)
                .header("content-type", PART)
                .header("upload-offset", 100),
            404,
        ),
        ("unknown", site.request(Method::HEAD, &unknown), 404),
        ("unknown part", site.patch(&unknown, 0, "x"), 404),
        ("no name", site.request(Method::HEAD, "/files/"), 404),
        (
            "a path",
            site.request(Method::HEAD, "/files/..%2f..%2fetc%2fpasswd"),
            404,
        ),
        (
            "upper case",
            site.request(Method::HEAD, &format!("/files/{}", "A".repeat(32))),
            404,
        ),
        ("unknown method", site.request(Method::PUT, &path), 405),
        (
            "part of another type",
            typed("application/octet-stream"),
            415,
        ),
        (
            "part without an offset",
            site.request(Method::PATCH, &path)
                .header("content-type", PART),
            400,
        ),
        ("an early offset", site.patch(&path, 99, "x"), 409),
        ("a late offset", site.patch(&path, 101, "x"), 409),
        (
            "two offsets",
            site.patch(&path, 100, "x").header("upload-offset", 100),
            400,
        ),
        (
            "more than announced",
            site.patch(&path, 100, vec![1; 901]),
            413,
        ),
        (
            "more than announced, without a length",
            site.patch(&path, 100, chunks(4, 300)),
            413,
        ),
        (
            "an unknown checksum",
            site.patch(&path, 100, "x")
                .header("upload-checksum", "md5 YQ=="),
            400,
        ),
        (
            "no checksum",
            site.patch(&path, 100, "x")
                .header("upload-checksum", "sha1"),
            400,
        ),
        ("no size", post(), 400),
        (
            "a size with a sign",
            post().header("upload-length", "+5"),
            400,
        ),
        ("a negative size", post().header("upload-length", "-5"), 400),
        ("no bytes", site.create(0), 400),
        (
            "a size that comes later",
            post().header("upload-defer-length", "1"),
            400,
        ),
        (
            "a join",
            post().header("upload-concat", "final;/files/a"),
            400,
        ),
        ("too large", site.create(4 * MIB + 1), 413),
        (
            "metadata that is not base64",
            site.create(10).header("upload-metadata", "name *"),
            400,
        ),
        ("fits", site.create(3 * MIB), 201),
        ("more than the spool has", site.create(4 * MIB), 507),
        ("fits as well", site.create(10), 201),
        ("too many, of which one is empty", site.create(10), 201),
        (
            "of another user",
            as_user("user-2", Method::POST, "/files").header("upload-length", 9),
            201,
        ),
    ];
    for (name, request, expected) in cases {
        assert_eq!(status(request).await, expected, "{name}");
    }
    assert_eq!(site.offset(&path).await, 100);
    assert_eq!(site.stored().await, 0);
    let bytes = &png(1000);
    assert_eq!(
        status(site.patch(&path, 100, bytes[100..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
    // A finished upload does not count.
    assert_eq!(status(site.create(10)).await, 201);
}

#[tokio::test]
async fn the_type_is_judged_by_the_bytes() {
    let site = site(SpoolOptions::new()).await;
    let declared = format!("filetype {}", STANDARD.encode("image/png"));
    let begin = |len: u64| site.create(len).header("upload-metadata", &declared).send();
    let path = header(&begin(2 * MIB).await.unwrap(), "location");
    // At once, not after the last byte.
    assert_eq!(status(site.patch(&path, 0, noise(300_000))).await, 415);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    let path = header(&begin(20).await.unwrap(), "location");
    assert_eq!(status(site.patch(&path, 0, noise(10))).await, 204);
    assert_eq!(status(site.patch(&path, 10, noise(10))).await, 415);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    let at_once = site.create(5).header("content-type", PART).body("<svg>");
    assert_eq!(status(at_once).await, 415);
    assert_eq!(site.stored().await, 0);
    assert!(site.files().is_empty());
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let site = site(SpoolOptions::new()).await;
    let spool = site.spool.clone().unwrap();
    for base in [
        "files",
        "//host/files",
        "/files?a",
        "ftp://host/files",
        "/a b",
        "/a\n",
    ] {
        let made = ResumableUploadService::new(InMemoryStorage::new(), Users, spool.clone(), base);
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ResumableErrorKind::InvalidBase, "{base}");
    }
    for base in ["", "/", "/files", "/a/b/", "https://chat.example/files"] {
        ResumableUploadService::new(InMemoryStorage::new(), Users, spool.clone(), base).unwrap();
    }
    let again = UploadSpool::open(site.directory.path(), SpoolOptions::new()).await;
    assert_eq!(again.unwrap_err().kind(), ResumableErrorKind::InUse);
    let file = site.directory.path().join("lock");
    let wrong = UploadSpool::open(file, SpoolOptions::new()).await;
    assert_eq!(wrong.unwrap_err().kind(), ResumableErrorKind::Directory);
}
