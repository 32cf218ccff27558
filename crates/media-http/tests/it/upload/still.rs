//! Clients that stand still.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::site::site_with;
use crate::support::png;

/// Sends a request whose body is never sent to its end, and returns what is answered.
async fn answer_to(address: &str, content_type: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {address}\r\nx-user: user-1\r\n\
         Content-Type: {content_type}\r\nContent-Length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_client_that_stands_still_is_answered_and_leaves_nothing() {
    let site = site_with(|uploads| uploads.with_idle_timeout(Duration::from_millis(50))).await;
    let address = site.address.trim_start_matches("http://");
    let form =
        b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\nhel";
    for (content_type, body) in [
        ("image/png", &b""[..]),
        ("image/png", &png(50_000)),
        ("multipart/form-data; boundary=x", form),
    ] {
        let answer = answer_to(address, content_type, body).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"timeout\""), "{answer}");
        assert_eq!(site.stored().await, 0);
    }
    // Others are answered as always.
    let (status, body) = site.send("user-1", "image/png", png(5000)).await;
    assert_eq!(status, 201, "{body}");
}
