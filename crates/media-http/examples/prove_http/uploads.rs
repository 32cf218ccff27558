//! Uploads that are cut at every kind of place, and sent again.

use futures_util::TryStreamExt as _;
use media_storage::{MediaStorage as _, MediaStorageExt as _, Scope};
use media_types::StorageReference;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::noise::{png, step};
use crate::server::Server;
use crate::{Result, judge};

const LEN: usize = 400_000;

pub(crate) async fn prove(server: &Server, count: usize) -> Result<bool> {
    let before = stored(server).await?.len();
    let mut seed = 13;
    let (mut nothing_left, mut exact) = (0, 0);
    for number in 0..count {
        seed = step(seed);
        let bytes = png(seed, LEN);
        let cut = usize::try_from(seed % LEN as u64)?;
        send_a_part(server, &bytes, cut, number % 2 == 0).await?;
        let left = stored(server).await?.len() - before - exact;
        nothing_left += usize::from(left == 0);
        let response = server
            .http
            .put(format!("{}/upload/a.png", server.address))
            .body(bytes.clone())
            .send()
            .await?;
        let answer: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
        let reference: StorageReference =
            serde_json::from_value(answer["items"][0]["reference"].clone())?;
        let read = server.store.retrieve_bytes(&reference, 1 << 30).await?;
        exact += usize::from(read == bytes);
    }
    let clean = judge(
        "uploads that were cut and left nothing",
        nothing_left,
        count,
    );
    Ok(judge("uploads sent again with exact bytes", exact, count) && clean)
}

/// Sends the head and a part of the body, and goes.
async fn send_a_part(server: &Server, bytes: &[u8], cut: usize, chunked: bool) -> Result<()> {
    let mut stream = TcpStream::connect(server.host()).await?;
    let framing = match chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {}", bytes.len()),
    };
    let head = format!(
        "PUT /upload/a.png HTTP/1.1\r\nHost: {}\r\n{framing}\r\n\r\n",
        server.host()
    );
    stream.write_all(head.as_bytes()).await?;
    if chunked {
        let size = format!("{:x}\r\n", bytes.len());
        stream.write_all(size.as_bytes()).await?;
    }
    stream.write_all(&bytes[..cut]).await?;
    stream.shutdown().await?;
    // The server closes when it has seen the end and dropped what it had.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    Ok(())
}

async fn stored(server: &Server) -> Result<Vec<StorageReference>> {
    let inventory = server.store.inventory().ok_or("no inventory")?;
    let listed = inventory.list(Scope::All);
    Ok(listed.map_ok(|entry| entry.reference).try_collect().await?)
}
