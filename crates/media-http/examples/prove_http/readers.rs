//! Many readers at once, some of ranges, beside readers that stand still.

use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_types::Mime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::noise::{noise, step};
use crate::server::Server;
use crate::{Result, judge};

const LEN: usize = 4 << 20;

/// Starts a response and never reads on.
pub(crate) async fn stand_still(server: &Server, link: &str) -> Result<TcpStream> {
    let path = link.trim_start_matches(&server.address);
    let mut stream = TcpStream::connect(server.host()).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    stream.write_all(request.as_bytes()).await?;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await?;
    Ok(stream)
}

pub(crate) async fn prove(server: &Server, count: usize) -> Result<bool> {
    let bytes = noise(1, LEN);
    let metadata = MediaMetadata::new();
    let photo = server
        .store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
        .await?;
    let link = server.link(&photo).await?;
    let mut standing = Vec::new();
    for _ in 0..count {
        standing.push(stand_still(server, &link).await?);
    }
    let mut readers = JoinSet::new();
    let mut seed = 7;
    for number in 0..count {
        seed = step(seed);
        let (http, link, bytes) = (server.http.clone(), link.clone(), bytes.clone());
        let from = usize::try_from(seed % LEN as u64)?;
        readers.spawn(async move {
            let request = http.get(link);
            if number % 2 == 0 {
                return Ok::<_, reqwest::Error>(request.send().await?.bytes().await? == bytes);
            }
            let request = request.header("range", format!("bytes={from}-"));
            let response = request.send().await?;
            let partial = response.status() == 206;
            Ok(partial && response.bytes().await? == bytes[from..])
        });
    }
    let mut exact = 0;
    while let Some(read) = readers.join_next().await {
        exact += usize::from(matches!(read, Ok(Ok(true))));
    }
    let what = format!("readers with exact bytes, beside {count} that stand still");
    Ok(judge(&what, exact, count))
}
