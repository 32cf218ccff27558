//! Connections that break, and processes that end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_http::SpoolOptions;
use sha1::Digest as _;

use super::site::{PART, Site, part_of, site, status};
use crate::support::png;

#[tokio::test]
async fn parts_are_compared_with_their_checksum() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(3000);
    let sha1 = |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(sha1::Sha1::digest(bytes)));
    let path = site.begin(3000).await;
    let good = site.patch(&path, 0, bytes[..1000].to_vec());
    assert_eq!(
        status(good.header("upload-checksum", sha1(&bytes[..1000]))).await,
        204
    );
    let bad = site.patch(&path, 1000, vec![1; 1000]);
    assert_eq!(
        status(bad.header("upload-checksum", sha1(&bytes[1000..2000]))).await,
        460
    );
    assert_eq!(site.offset(&path).await, 1000);
    let good = site.patch(&path, 1000, bytes[1000..2000].to_vec());
    let sha256 = STANDARD.encode(sha2::Sha256::digest(&bytes[1000..2000]));
    assert_eq!(
        status(good.header("upload-checksum", format!("sha256 {sha256}"))).await,
        204
    );

    // What the process had written when it ended, without having compared it.
    let part = part_of(site.directory.path(), &path);
    std::fs::write(part.with_extension("mark"), 2000_u64.to_be_bytes()).unwrap();
    let mut written = std::fs::read(&part).unwrap();
    written.extend([1; 500]);
    std::fs::write(&part, written).unwrap();
    site.restart().await;
    assert_eq!(site.offset(&path).await, 2000);
    assert_eq!(
        status(site.patch(&path, 2000, bytes[2000..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
}

/// Sends a part as far as a cut, and goes.
async fn send_and_go(site: &Site, path: &str, offset: u64, bytes: &[u8], cut: usize) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = site.address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nX-User: user-1\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: {PART}\r\nUpload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..cut]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn cuts_at_any_place_and_restarts_lose_nothing_that_was_acknowledged() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(2_000_000);
    let path = site.begin(bytes.len() as u64).await;
    let mut seed = 1_u64;
    let mut rounds = 0;
    loop {
        let offset = site.offset(&path).await;
        let at = usize::try_from(offset).unwrap();
        let rest = &bytes[at..];
        if rest.is_empty() {
            break;
        }
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let cut = usize::try_from(seed >> 33).unwrap() % rest.len().min(300_000);
        match rounds % 4 {
            0 => send_and_go(&site, &path, offset, rest, cut).await,
            1 if cut > 0 => {
                let part = site.patch(&path, offset, rest[..cut].to_vec());
                assert_eq!(status(part).await, 204);
                let now = site.offset(&path).await;
                assert_eq!(now, offset + cut as u64);
                site.restart().await;
                assert_eq!(site.offset(&path).await, now);
            }
            2 => {
                let part = site.patch(&path, offset, rest[..cut].to_vec());
                let wrong = STANDARD.encode(sha1::Sha1::digest(b"other"));
                let part = part.header("upload-checksum", format!("sha1 {wrong}"));
                assert_eq!(status(part).await, 460);
                assert_eq!(site.offset(&path).await, offset);
            }
            _ => {
                let len = rest.len().min(100_000);
                assert_eq!(
                    status(site.patch(&path, offset, rest[..len].to_vec())).await,
                    204
                );
            }
        }
        rounds += 1;
    }
    assert!(rounds > 10, "{rounds}");
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
    site.restart().await;
    assert_eq!(site.media(&path).await, bytes, "the result is still known");
    assert_eq!(site.files().len(), 1, "the record");
}
