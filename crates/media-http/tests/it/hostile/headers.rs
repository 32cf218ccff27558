//! Headers that are wrong.

use media_storage::InMemoryStorage;
use media_types::Mime;

use crate::support::{noise, png, raw, site};
use crate::upload;

/// A media route ignores what it cannot read, as RFC 9110 wants it, and says no to what it can.
#[tokio::test]
async fn headers_of_readers() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(1000)).await;
    let link = site.link(&photo).await;
    let path = link.strip_prefix(&site.address).unwrap();
    let long = format!("If-None-Match: {}", "\"x\", ".repeat(4000));
    let endless = format!("X-Padding: {}", "a".repeat(1 << 20));
    let many = "X-Other: a\r\n".repeat(500);
    for (headers, expected) in [
        ("Range: bytes", 200),
        ("Range: =", 200),
        ("Range: bytes=", 200),
        ("Range: bytes=--1", 200),
        ("Range: bytes=0x0-0x1", 200),
        ("Range: bytes=1-0", 200),
        ("Range: lines=0-1", 200),
        ("Range: bytes=0-1\u{e9}", 200),
        ("Range: bytes=18446744073709551616-", 416),
        ("Range: bytes=-99999999999999999999", 206),
        ("If-None-Match: nonsense", 200),
        ("If-None-Match: \"", 200),
        ("If-None-Match: W/", 200),
        ("If-None-Match: \u{e9}", 200),
        ("If-Match: nonsense", 412),
        ("If-Match: \u{e9}", 412),
        ("If-Match:", 412),
        ("If-Modified-Since: yesterday", 200),
        ("If-Modified-Since: Sun, 99 Nov 1994 08:49:37 GMT", 200),
        ("If-Unmodified-Since: -1", 200),
        ("If-Range: nonsense\r\nRange: bytes=0-1", 200),
        ("If-Range: W/\"x\"\r\nRange: bytes=0-1", 200),
        ("If-Range: \u{e9}\r\nRange: bytes=0-1", 200),
        ("Accept: nothing/at-all", 200),
        ("Content-Type: nonsense\r\nContent-Length: 0", 200),
        (&long, 200),
        (&endless, 431),
        (&many, 431),
        ("Content-Length: -1", 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("Transfer-Encoding: nonsense", 400),
        ("No Header: x", 400),
        ("no header at all", 400),
    ] {
        let head = format!("GET {path}\r\n{headers}");
        let (status, body) = raw(&site.address, &head, b"").await;
        let shown = &headers[..headers.len().min(60)];
        assert_eq!(status, expected, "{shown:?}: {} bytes", body.len());
        let is_text = body.is_empty() || body.len() < 40;
        assert_eq!(is_text, !matches!(expected, 200 | 206), "{shown:?}");
    }
    assert_eq!(site.status(&link).await, 200);
}

/// An upload whose head is ambiguous or says that the body is something else is refused.
#[tokio::test]
async fn headers_of_uploads() {
    let site = upload::site::site().await;
    let bytes = png(1000);
    let form = b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n";
    let form = [form.as_slice(), &bytes, b"\r\n--x--\r\n"].concat();
    let multipart = "Content-Type: multipart/form-data; boundary=x";
    let cases: [(&str, &[u8], u16, &str); 25] = [
        (
            "Content-Encoding: gzip",
            &bytes,
            415,
            "unsupported_encoding",
        ),
        (
            "Content-Encoding: br, gzip",
            &bytes,
            415,
            "unsupported_encoding",
        ),
        ("Content-Encoding:", &bytes, 415, "unsupported_encoding"),
        (
            "Content-Encoding: \u{e9}",
            &bytes,
            415,
            "unsupported_encoding",
        ),
        (
            "Content-Encoding: identity\r\nContent-Encoding: deflate",
            &bytes,
            415,
            "unsupported_encoding",
        ),
        ("Content-Range: bytes 0-999/2000", &bytes, 400, "malformed"),
        ("Content-Range: nonsense", &bytes, 400, "malformed"),
        (
            "Content-Type: image/png\r\nContent-Type: text/html",
            &bytes,
            400,
            "malformed",
        ),
        ("Content-Type: image/png\u{e9}", &bytes, 400, "malformed"),
        ("Content-Type: multipart/form-data", &form, 400, "malformed"),
        (
            "Content-Type: multipart/form-data; boundary=",
            &form,
            400,
            "malformed",
        ),
        (
            "Content-Type: Multipart/Mixed; boundary=x",
            &form,
            400,
            "malformed",
        ),
        (
            "Content-Type: multipart/form-data; boundary=other",
            &form,
            400,
            "malformed",
        ),
        (multipart, &bytes, 400, "malformed"),
        (multipart, b"", 400, "malformed"),
        (multipart, b"--x--\r\n", 400, "malformed"),
        (multipart, b"--x\r\n", 400, "malformed"),
        (
            multipart,
            b"--x\r\nnonsense\r\n\r\nhello\r\n--x--\r\n",
            400,
            "malformed",
        ),
        (
            multipart,
            b"--x\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\nhello\r\n--x--\r\n",
            415,
            "unsupported_type",
        ),
        (
            multipart,
            b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\
              Content-Type: \xff\r\n\r\nhello\r\n--x--\r\n",
            415,
            "unsupported_type",
        ),
        // By the server below, before a service sees them.
        ("Content-Length: 1, 2", b"", 400, ""),
        ("Content-Length: 99999999999999999999", b"", 400, ""),
        ("Content-Length: 10\r\nContent-Length: 11", b"", 400, ""),
        ("Transfer-Encoding: gzip", &bytes, 400, ""),
        (
            "Transfer-Encoding: chunked",
            b"nonsense\r\n",
            400,
            "malformed",
        ),
    ];
    for (headers, body, expected, code) in cases {
        let framed = headers.contains("Length") || headers.contains("Transfer");
        let length = match framed {
            true => String::new(),
            false => format!("\r\nContent-Length: {}", body.len()),
        };
        let head = format!("POST /upload\r\nX-User: user-1\r\n{headers}{length}");
        let (status, answer) = raw(&site.address, &head, body).await;
        assert_eq!(status, expected, "{headers:?} {answer}");
        assert!(answer.contains(code), "{headers:?} {answer}");
        assert_eq!(answer.is_empty(), code.is_empty(), "{headers:?} {answer}");
    }
    assert_eq!(site.stored().await, 0);
    // What says nothing else is taken.
    for headers in [
        "Content-Encoding: Identity",
        "Content-Type: nonsense",
        "Expect: 100-continue",
    ] {
        let head = format!(
            "POST /upload\r\nX-User: user-1\r\n{headers}\r\nContent-Length: {}",
            bytes.len()
        );
        let (status, answer) = raw(&site.address, &head, &bytes).await;
        let continued = answer.contains("HTTP/1.1 201");
        assert!(
            status == 201 || status == 100 && continued,
            "{headers} {answer}"
        );
    }
    assert_eq!(site.stored().await, 3);
}
