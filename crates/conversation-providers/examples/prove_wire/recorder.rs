//! The peer at the end of the wire, and the hand that sends.

use conversation_providers::body::RequestBody;
use futures_util::TryStreamExt;
use media_storage::Sha256Hasher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// Answers every request with the SHA-256 of its body, taken while it was read from the socket.
pub(crate) async fn serve(listener: TcpListener) {
    while let Ok((mut socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            // A proxy keeps its connections and closes them when it likes.
            while let Ok(hash) = hash_request(&mut socket).await {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{hash}",
                    hash.len()
                );
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn hash_request(socket: &mut TcpStream) -> Result<String> {
    let mut left = length_of(&head(socket).await?)?;
    let mut hasher = Sha256Hasher::new();
    let mut piece = vec![0; 64 * 1024];
    while left > 0 {
        let most = piece.len().min(left);
        let read = socket.read(&mut piece[..most]).await?;
        if read == 0 {
            return Err("the request is truncated".into());
        }
        hasher.update(&piece[..read]);
        left -= read;
    }
    Ok(hasher.finish().to_string())
}

async fn head(socket: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(String::from_utf8(head)?.to_ascii_lowercase())
}

fn length_of(head: &str) -> Result<usize> {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    Ok(line.ok_or("no content-length")?.trim().parse()?)
}

/// Sends a body over a connection of its own and gives what was answered.
pub(crate) async fn send(url: &str, path: &str, case: &str, body: &RequestBody) -> Result<String> {
    let host = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(host).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nx-case: {case}\r\ncontent-type: {}\r\n\
         content-length: {}\r\n\r\n",
        body.content_type(),
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut pieces = body.stream();
    while let Some(piece) = pieces.try_next().await? {
        socket.write_all(&piece).await?;
    }
    let answer = head(&mut socket).await?;
    if !answer.starts_with("http/1.1 200") {
        return Err(format!("{case}: {}", answer.lines().next().unwrap_or_default()).into());
    }
    let mut text = vec![0; length_of(&answer)?];
    socket.read_exact(&mut text).await?;
    Ok(String::from_utf8(text)?)
}
