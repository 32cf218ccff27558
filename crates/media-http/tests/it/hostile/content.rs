//! Bytes that are not what they are said to be.

use crate::support::{noise, png, raw};
use crate::upload::site::{Site, code, site};

/// Returns the headers that a browser gets with what an upload became.
async fn shown(site: &Site, item: &serde_json::Value) -> reqwest::header::HeaderMap {
    let link = item["url"].as_str().unwrap();
    let response = site.http.get(link).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.headers().clone()
}

#[tokio::test]
async fn a_polyglot_is_what_its_first_bytes_are_and_never_runs() {
    let site = site().await;
    let script = b"/*\0*/=1;alert(document.domain)//<script>alert(1)</script>";
    let gif = [b"GIF89a".as_slice(), script].concat();
    let mut jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    jpeg.extend(b"<?php system($_GET[0]) ?><html><script>alert(1)</script>");
    // A ZIP archive is read from its end.
    let mut archive = png(500);
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 18]);
    let cases = [
        (gif, "image/gif"),
        (jpeg, "image/jpeg"),
        (archive, "image/png"),
    ];
    for (bytes, mime) in cases {
        for declared in ["text/html", "image/svg+xml", "application/javascript", mime] {
            let (status, body) = site.send("user-1", declared, bytes.clone()).await;
            assert_eq!(status, 201, "{mime} as {declared}: {body}");
            assert_eq!(body["items"][0]["mime_type"], mime, "as {declared}");
            let headers = shown(&site, &body["items"][0]).await;
            assert_eq!(headers["content-type"], mime);
            assert_eq!(headers["x-content-type-options"], "nosniff");
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert!(policy.ends_with("sandbox"), "{policy}");
        }
    }
}

#[tokio::test]
async fn pages_and_scripts_that_begin_like_images_are_refused() {
    let site = site().await;
    let cases: [(&str, Vec<u8>); 9] = [
        (
            "image/png",
            b"<!-- \x89PNG\r\n\x1a\n --><script>alert(1)</script>".to_vec(),
        ),
        ("image/gif", b" GIF89a<script>".to_vec()),
        ("image/jpeg", b"\n\xff\xd8\xff\xe0<html>".to_vec()),
        ("image/png", b"%PDF-1.7 \x89PNG\r\n\x1a\n".to_vec()),
        ("image/png", b"PK\x03\x04\x89PNG\r\n\x1a\n".to_vec()),
        ("image/png", b"MZ\x90\0\x89PNG\r\n\x1a\n".to_vec()),
        ("text/plain", b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("text/plain", vec![0xff, 0xfe, b'<', 0, b's', 0]),
        ("image/png", noise(5000)),
    ];
    for (declared, bytes) in cases {
        let (status, body) = site.send("user-1", declared, bytes).await;
        assert_eq!(
            (status, code(&body)),
            (415, "unsupported_type"),
            "{declared}"
        );
    }
    assert_eq!(site.stored().await, 0);
}

/// Scalable images with a script, in spellings that hide what they are.
fn drawings() -> Vec<Vec<u8>> {
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(2)</script></svg>";
    let laughs = "<!DOCTYPE svg [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let beginnings = [
        "",
        " \r\n\t",
        "\u{feff}",
        "<?xml version=\"1.0\"?>",
        "<!-- image -->",
        laughs,
    ];
    let spelled = beginnings
        .iter()
        .map(|beginning| format!("{beginning}{drawing}"));
    let mut drawings: Vec<_> = spelled.map(String::into_bytes).collect();
    let wide = drawing.encode_utf16().flat_map(u16::to_le_bytes);
    drawings.push([0xff, 0xfe].into_iter().chain(wide).collect());
    drawings
}

#[tokio::test]
async fn a_drawing_with_a_script_is_refused_unless_the_grant_names_its_type() {
    let site = site().await;
    for bytes in drawings() {
        for declared in [
            "image/svg+xml",
            "image/png",
            "text/html",
            "application/xml",
            "",
        ] {
            let (status, body) = site.send("user-1", declared, bytes.clone()).await;
            assert_eq!(
                (status, code(&body)),
                (415, "unsupported_type"),
                "as {declared}"
            );
        }
    }
    assert_eq!(site.stored().await, 0);
    let drawing = drawings().remove(0);
    let (status, body) = site.send("designer", "image/svg+xml", drawing).await;
    assert_eq!(status, 201, "{body}");
    let headers = shown(&site, &body["items"][0]).await;
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment"), "{disposition}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("sandbox"), "{policy}");
    // Text that says so is text, for browsers too.
    let (status, body) = site
        .send("user-1", "text/plain", drawings().remove(0))
        .await;
    if status == 201 {
        let headers = shown(&site, &body["items"][0]).await;
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    } else {
        assert_eq!((status, code(&body)), (415, "unsupported_type"));
    }
}

#[tokio::test]
async fn an_upload_has_the_length_that_it_announced_or_is_not_stored() {
    let site = site().await;
    let bytes = png(1000);
    let head = |len: &str| format!("POST /upload\r\nX-User: user-1\r\n{len}");
    // More than a body is not part of it.
    let (status, body) = raw(&site.address, &head("Content-Length: 600"), &bytes).await;
    assert_eq!(status, 201, "{body}");
    assert!(body.contains("\"size\":600"), "{body}");
    assert_eq!(site.stored().await, 1);
    // Announced to be larger than permitted: refused before a byte of it is read.
    for len in [(1_u64 << 20) + 1, 1 << 40] {
        let head = head(&format!("Content-Length: {len}"));
        let (status, body) = raw(&site.address, &head, b"").await;
        assert_eq!(status, 413, "{len}: {body}");
        assert!(body.contains("too_large"), "{len}: {body}");
    }
    let (status, body) = raw(&site.address, &head("Content-Length: 0"), b"").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("malformed"), "{body}");
    assert_eq!(site.stored().await, 1);
}

/// A small body that would become a large one. Nothing is unpacked, so that nothing grows.
#[tokio::test]
async fn a_bomb_is_refused_or_stays_as_small_as_it_came() {
    let site = site().await;
    // The head of a gzip file of zeros.
    let packed = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0; 500]].concat();
    let request = || site.post("user-1").header("content-encoding", "gzip");
    let (status, body) = crate::upload::site::answer(request().body(packed.clone())).await;
    assert_eq!((status, code(&body)), (415, "unsupported_encoding"));
    for declared in ["application/gzip", "image/svg+xml", "image/png"] {
        let (status, body) = site.send("user-1", declared, packed.clone()).await;
        assert_eq!(
            (status, code(&body)),
            (415, "unsupported_type"),
            "{declared}"
        );
    }
    assert_eq!(site.stored().await, 0);
    // An image of 60,000 x 60,000 pixels in 1,000 bytes.
    let mut image = png(1000);
    image[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let (status, body) = site.send("user-1", "image/png", image).await;
    assert_eq!((status, &body["items"][0]["size"]), (201, &1000.into()));
}
