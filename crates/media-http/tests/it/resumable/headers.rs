//! Headers that are wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_http::SpoolOptions;
use reqwest::Method;
use reqwest::header::HeaderValue;

use super::site::{PART, site, status};
use crate::support::png;

#[tokio::test]
async fn headers_that_are_wrong_are_refused_one_by_one() {
    let site = site(SpoolOptions::new()).await;
    let path = site.begin(1000).await;
    assert_eq!(status(site.patch(&path, 0, png(100))).await, 204);
    let part = || site.patch(&path, 100, "x");
    let create = || site.create(10);
    let begun = || create().header("content-type", PART).body("x");
    let other = |method| site.request(method, &path);
    let cases = [
        ("two versions", part(), "tus-resumable", "1.0.0", 412),
        (
            "two versions of a head",
            other(Method::HEAD),
            "tus-resumable",
            "2.0.0",
            412,
        ),
        ("two types", part(), "content-type", PART, 400),
        ("an encoded part", part(), "content-encoding", "gzip", 415),
        ("two offsets", part(), "upload-offset", "101", 400),
        (
            "two checksums",
            part().header("upload-checksum", "sha1 YQ=="),
            "upload-checksum",
            "sha1 YQ==",
            400,
        ),
        (
            "a checksum of another length",
            part(),
            "upload-checksum",
            "sha1 YQ==",
            400,
        ),
        (
            "a checksum that is not base64",
            part(),
            "upload-checksum",
            "sha256 ****",
            400,
        ),
        ("an empty checksum", part(), "upload-checksum", "", 400),
        ("two sizes", create(), "upload-length", "10", 400),
        (
            "a size that comes later, beside one",
            create(),
            "upload-defer-length",
            "1",
            400,
        ),
        ("a join", create(), "upload-concat", "partial", 400),
        (
            "two lists of metadata",
            create().header("upload-metadata", "a YQ=="),
            "upload-metadata",
            "b YQ==",
            400,
        ),
        (
            "metadata with a key twice",
            create(),
            "upload-metadata",
            "a YQ==,a YQ==",
            400,
        ),
        (
            "metadata without a key",
            create(),
            "upload-metadata",
            ",",
            400,
        ),
        (
            "an encoded beginning",
            begun(),
            "content-encoding",
            "gzip",
            415,
        ),
        (
            "a checksum of a beginning",
            begun(),
            "upload-checksum",
            "sha1",
            400,
        ),
        (
            "an unknown method",
            other(Method::POST),
            "x-http-method-override",
            "PUT",
            405,
        ),
        (
            "a method that is none",
            other(Method::POST),
            "x-http-method-override",
            "DE LETE",
            405,
        ),
        (
            "an empty method",
            other(Method::POST),
            "x-http-method-override",
            "",
            405,
        ),
    ];
    for (name, request, header, value, expected) in cases {
        let request = request.header(header, value);
        assert_eq!(status(request).await, expected, "{name}");
    }
    let long = format!("name {}", STANDARD.encode([b'a'; 4096]));
    for (header, value) in [
        ("upload-length", b"1\xe9".as_slice()),
        ("upload-length", b"18446744073709551616"),
        ("upload-length", b"1e3"),
        ("upload-length", b" "),
        ("upload-metadata", b"name \xe9"),
        ("upload-metadata", long.as_bytes()),
    ] {
        let request = site.request(Method::POST, "/files");
        let request = match header {
            "upload-length" => request,
            _ => request.header("upload-length", 10),
        };
        let shown = String::from_utf8_lossy(&value[..value.len().min(30)]).into_owned();
        let request = request.header(header, HeaderValue::from_bytes(value).unwrap());
        assert_eq!(status(request).await, 400, "{header}: {shown}");
    }
    for (offset, expected) in [
        (b"100\xe9".as_slice(), 400),
        (b"-1", 400),
        (b"0x64", 400),
        (b"", 400),
        (b"18446744073709551616", 400),
        (b"18446744073709551615", 409),
    ] {
        let value = HeaderValue::from_bytes(offset).unwrap();
        let request = site
            .request(Method::PATCH, &path)
            .header("content-type", PART);
        let request = request.header("upload-offset", value).body("x");
        let shown = String::from_utf8_lossy(offset);
        assert_eq!(status(request).await, expected, "{shown}");
    }
    assert_eq!(site.offset(&path).await, 100);
    assert_eq!((site.stored().await, site.files().len()), (0, 2));
}
