//! A server in a process of its own that counts what it is sent.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// The running server; it ends with this value.
pub(crate) struct Peer {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Peer {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("peer")
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("the peer says nothing")?;
        let mut lines = BufReader::new(out);
        let mut address = String::new();
        lines.read_line(&mut address)?;
        Ok(Self {
            child,
            lines,
            address: address.trim().to_owned(),
        })
    }

    /// How long the next request was that it answered.
    pub(crate) fn received(&mut self) -> Result<u64> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side.
pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (mut socket, _) = listener.accept().await?;
        let read = request(&mut socket).await?;
        println!("{read}");
        let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(answer.as_bytes()).await?;
        socket.shutdown().await?;
    }
}

/// Reads a request to the end that it declares and gives the length of its body.
async fn request(socket: &mut TcpStream) -> Result<u64> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let declared: u64 = declared.ok_or("a request without a length")?.parse()?;
    let mut piece = vec![0; 64 * 1024];
    let mut seen = 0;
    while seen < declared {
        let read = socket.read(&mut piece).await? as u64;
        if read == 0 {
            return Err("the request is truncated".into());
        }
        seen += read;
    }
    Ok(seen)
}
