//! What the proxy counts, and what it costs.

use std::fmt::Write as _;

use object_store::path::Path;
use object_store::{MultipartUpload as _, ObjectStoreExt as _};
use test_servers::proxy::FaultProxy;
use test_servers::s3::S3Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clients;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_counted_at_the_wire() {
    const PART: usize = 8 * 1024 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let store = clients::s3_at(&server, &proxy.endpoint());
    let key = Path::from("large");
    let mut upload = store.put_multipart(&key).await.unwrap();
    for _ in 0..4 {
        upload.put_part(vec![5; PART].into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    let parts: u64 = proxy
        .exchanges()
        .iter()
        .filter(|exchange| exchange.request.query().contains("partNumber"))
        .map(|exchange| exchange.request_bytes)
        .sum();
    assert_eq!(parts, 4 * PART as u64);
    assert_eq!(proxy.totals().requests, 6);

    proxy.clear();
    let got = store.get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(got.len(), 4 * PART);
    let totals = proxy.totals();
    assert_eq!(totals.requests, 1);
    assert_eq!(totals.request_bytes, 0);
    assert_eq!(totals.response_bytes, 4 * PART as u64);
}

#[tokio::test]
async fn records_print_no_signatures() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let url = format!("{}/media/a?X-Amz-Signature=abcdef", proxy.endpoint());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(url).header("authorization", "secret");
    request.send().await.unwrap();
    let exchange = proxy.exchanges().pop().unwrap();
    assert_eq!(exchange.request.query(), "X-Amz-Signature=abcdef");
    assert_eq!(exchange.request.header("authorization"), Some("secret"));
    let printed = format!("{exchange:?} {server:?} {proxy:?}");
    for secret in ["abcdef", "secret\"", server.secret_key()] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

/// A body that comes in chunks, on a connection that serves several requests, framed by hand.
#[tokio::test]
async fn chunked_bodies_and_kept_connections_pass() {
    let upstream = echo().await;
    let proxy = FaultProxy::start(upstream).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    for round in 0..3 {
        let mut request =
            format!("PUT /{round} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
        for chunk in ["hello ", "world"] {
            write!(request, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
        }
        request.push_str("0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello world") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let exchanges = proxy.exchanges();
    assert_eq!(exchanges.len(), 3);
    assert!(exchanges.iter().all(|e| e.request_bytes == 11));
    assert!(exchanges.iter().all(|e| e.response_bytes == 11));
}

/// A server that speaks HTTP/1.0, closes after each answer and sends back what `chunked` brought.
async fn echo() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"0\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let text = String::from_utf8(request).unwrap();
            assert!(text.contains("transfer-encoding: chunked"), "{text}");
            let body = if text.contains("world") {
                "hello world"
            } else {
                ""
            };
            let answer = format!("HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}
