//! A peer that hashes what it reads from the socket and keeps it.

use std::net::SocketAddr;

use conversation_providers::body::RequestBody;
use futures_util::TryStreamExt;
use media_storage::Sha256Hasher;
use media_types::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came over the wire.
pub(super) struct Recorded {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Of the body, taken while it arrived.
    pub(super) sha256: Sha256,
}

/// Reads one request to the end of the connection and answers, if it was whole.
pub(super) async fn record(listener: &TcpListener) -> Recorded {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map(|len| len.parse::<usize>().unwrap())
        .unwrap();
    let mut hasher = Sha256Hasher::new();
    let mut body = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    while body.len() < len {
        let read = socket.read(&mut piece).await.unwrap();
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        body.extend_from_slice(&piece[..read]);
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    // A client that broke off is not there to be answered.
    let _ = socket.write_all(answer).await;
    let after = socket.read_to_end(&mut body).await.unwrap_or(0);
    assert_eq!(after, 0, "bytes beyond the declared length");
    Recorded {
        head,
        body,
        sha256: hasher.finish(),
    }
}

/// Sends a body by hand over a connection of its own; what fails cuts the connection off.
pub(super) async fn send(
    address: SocketAddr,
    path: &str,
    body: &RequestBody,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut socket = TcpStream::connect(address).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        body.content_type(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    let mut pieces = body.stream();
    while let Some(piece) = pieces.try_next().await? {
        socket.write_all(&piece).await?;
    }
    socket.shutdown().await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    Ok(())
}
