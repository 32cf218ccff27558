//! Uploads in parts, whose connections are cut and whose server is killed.

use std::process::Command;

use media_storage::MediaStorageExt as _;
use media_types::StorageReference;
use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::noise::{noise, png, step};
use crate::server::Server;
use crate::{Result, judge};

const LEN: usize = 1_500_000;
const PART: &str = "application/offset+octet-stream";

/// What one upload went through.
#[derive(Default)]
struct Course {
    exact: usize,
    cuts: usize,
    kills: usize,
    /// Times that an offset was smaller than one that was acknowledged.
    lost: usize,
}

pub(crate) async fn prove(server: &mut Server, count: usize) -> Result<bool> {
    let mut all = Course::default();
    let mut seed = 17;
    for _ in 0..count {
        seed = step(seed);
        let one = upload(server, seed).await?;
        all.exact += one.exact;
        all.cuts += one.cuts;
        all.kills += one.kills;
        all.lost += one.lost;
    }
    let what = format!(
        "uploads in parts with exact bytes, after {} cuts and {} kills of the server",
        all.cuts, all.kills
    );
    let exact = judge(&what, all.exact, count);
    let kept = judge(
        "uploads that lost nothing acknowledged",
        count - all.lost,
        count,
    );
    let left = usize::try_from(server.spooled()?)?;
    Ok(judge("spools without bytes at the end", usize::from(left == 0), 1) && exact && kept)
}

async fn upload(server: &mut Server, mut seed: u64) -> Result<Course> {
    let bytes = png(seed, LEN);
    let mut course = Course::default();
    let begun = request(server, Method::POST, "/files").header("upload-length", LEN);
    let begun = begun.send().await?.error_for_status()?;
    let path = begun.headers()["location"].to_str()?.to_owned();
    let mut acknowledged = 0;
    loop {
        let head = request(server, Method::HEAD, &path)
            .send()
            .await?
            .error_for_status()?;
        let offset: usize = head.headers()["upload-offset"].to_str()?.parse()?;
        course.lost += usize::from(offset < acknowledged);
        let rest = &bytes[offset..];
        if rest.is_empty() {
            break;
        }
        acknowledged = offset;
        seed = step(seed);
        let len = 1 + usize::try_from(seed >> 32)? % rest.len().min(400_000);
        match seed % 8 {
            0..3 => {
                let part = request(server, Method::PATCH, &path)
                    .header("content-type", PART)
                    .header("upload-offset", offset)
                    .body(rest[..len].to_vec());
                part.send().await?.error_for_status()?;
                acknowledged = offset + len;
                if seed.is_multiple_of(3) {
                    server.restart()?;
                    course.kills += 1;
                }
            }
            3..5 => {
                // In the middle of a part.
                let stream = send(server, &path, offset, rest, len).await?;
                server.restart()?;
                drop(stream);
                course.kills += 1;
            }
            _ => {
                let mut stream = send(server, &path, offset, rest, len).await?;
                stream.shutdown().await?;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                course.cuts += 1;
            }
        }
    }
    course.lost = course.lost.min(1);
    course.exact = usize::from(result(server, &path).await? == bytes);
    Ok(course)
}

/// Sends the head of a part and some of its bytes.
async fn send(
    server: &Server,
    path: &str,
    offset: usize,
    rest: &[u8],
    len: usize,
) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server.host()).await?;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {PART}\r\n\
         Upload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        server.host(),
        rest.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&rest[..len]).await?;
    Ok(stream)
}

fn request(server: &Server, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}{path}", server.address);
    server
        .http
        .request(method, url)
        .header("tus-resumable", "1.0.0")
}

/// Returns the bytes that an upload became.
async fn result(server: &Server, path: &str) -> Result<Vec<u8>> {
    let response = request(server, Method::GET, path)
        .send()
        .await?
        .error_for_status()?;
    let answer: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
    let reference: StorageReference =
        serde_json::from_value(answer["items"][0]["reference"].clone())?;
    Ok(server
        .store
        .retrieve_bytes(&reference, 1 << 30)
        .await?
        .to_vec())
}

/// Lets a client of others upload a file, stop in the middle, and go on.
pub(crate) async fn prove_with(server: &Server, script: Option<&String>) -> Result<bool> {
    let Some(script) = script else {
        println!("NOT RUN: uploads in parts by another client");
        return Ok(true);
    };
    let mut bytes = png(19, 64);
    bytes.extend(noise(19, 3_000_000));
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &bytes)?;
    let output = Command::new("node")
        .arg(script)
        .arg(format!("{}/files", server.address))
        .arg(file.path())
        .output()?;
    let path = String::from_utf8(output.stdout)?;
    let path = path.trim().trim_start_matches(&server.address);
    let exact = output.status.success() && result(server, path).await? == bytes;
    if !exact {
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(judge(
        "uploads in parts by tus-js-client, stopped once",
        usize::from(exact),
        1,
    ))
}
