//! A server in a process of its own that paints pictures as large as it is told to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use media_types::base64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::measure::noise;

/// How much is painted at a time; a multiple of three, so that base64 has no padding in between.
const PIECE: usize = 48 * 1024;

const BEFORE: &str = r#"{"created":1,"output_format":"png","data":[{"b64_json":""#;
const AFTER: &str = r#""}],"usage":{"input_tokens":1,"output_tokens":2}}"#;

/// The running server; it ends with this value.
pub(crate) struct Painter {
    child: Child,
    pub(crate) address: String,
}

impl Painter {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("painter")
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("the painter says nothing")?;
        let mut address = String::new();
        BufReader::new(out).read_line(&mut address)?;
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of a picture, piece by piece.
pub(crate) fn pieces(size: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..size).step_by(PIECE).map(move |from| {
        let mut piece = vec![0; PIECE.min(size - from)];
        noise(from as u64, &mut piece);
        piece
    })
}

/// The child's side. A picture has as many bytes as its prompt says.
pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (mut socket, _) = listener.accept().await?;
        let size = asked(&mut socket).await?;
        let len = BEFORE.len() as u64 + base64::encoded_len(size as u64) + AFTER.len() as u64;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\
             connection: close\r\n\r\n{BEFORE}"
        );
        socket.write_all(head.as_bytes()).await?;
        for piece in pieces(size) {
            socket.write_all(base64::encode(&piece).as_bytes()).await?;
        }
        socket.write_all(AFTER.as_bytes()).await?;
        socket.shutdown().await?;
    }
}

async fn asked(socket: &mut TcpStream) -> Result<usize> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; declared.ok_or("a request without a length")?.parse()?];
    socket.read_exact(&mut body).await?;
    let request: serde_json::Value = serde_json::from_slice(&body)?;
    let prompt = request["prompt"].as_str().ok_or("no prompt")?;
    Ok(prompt.parse()?)
}
