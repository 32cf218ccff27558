//! Reading from a server as fast as it sends.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;
use crate::report::median;
use crate::servers::Server;

const CONNECTIONS: usize = 8;

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    together: Duration,
    single: Duration,
}

/// What a server did.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Megabytes a second.
    pub(crate) megabytes: f64,
    /// Microseconds until the first byte of the body.
    pub(crate) first_byte: f64,
}

impl Load {
    /// Creates a load of many connections together for a time, after single requests for a time.
    pub(crate) fn new(together: Duration, single: Duration) -> Self {
        Self { together, single }
    }

    /// Measures a server with the files of a size.
    pub(crate) async fn measure(self, server: &Server, size: &str) -> Result<Reading> {
        let paths = server.paths(size);
        let mut connection = Connection::open(server.port).await?;
        let (began, mut times) = (Instant::now(), Vec::new());
        for path in paths.iter().cycle() {
            times.push(connection.get(path).await?.0.as_secs_f64() * 1e6);
            if began.elapsed() >= self.single {
                break;
            }
        }

        let mut readers = JoinSet::new();
        let began = Instant::now();
        for number in 0..CONNECTIONS {
            let (port, paths, time) = (server.port, paths.to_vec(), self.together);
            readers.spawn(async move {
                let mut connection = Connection::open(port).await?;
                let mut bytes = 0;
                for path in paths.iter().cycle().skip(number) {
                    bytes += connection.get(path).await?.1;
                    if began.elapsed() >= time {
                        break;
                    }
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(bytes)
            });
        }
        let mut bytes = 0;
        while let Some(read) = readers.join_next().await {
            bytes += read??;
        }
        Ok(Reading {
            megabytes: bytes as f64 / 1e6 / began.elapsed().as_secs_f64(),
            first_byte: median(times.into_iter()),
        })
    }
}

/// A connection that does as little as possible.
struct Connection {
    stream: TcpStream,
    port: u16,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            port,
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Reads a file. Returns the time until its first byte, and its length.
    async fn get(&mut self, path: &str) -> Result<(Duration, usize)> {
        let began = Instant::now();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
            self.port
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut filled = 0;
        let head = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            filled += read;
            if let Some(end) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
            if read == 0 {
                return Err("the server closed the connection".into());
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.ok_or("no length")?.trim().parse()?;
        if !text.starts_with("http/1.1 200") {
            return Err(format!("not served: {}", text.lines().next().unwrap_or_default()).into());
        }
        let mut read = filled - head;
        if read == 0 {
            read = self.stream.read(&mut self.buffer).await?;
        }
        let first = began.elapsed();
        while read < length {
            match self.stream.read(&mut self.buffer).await? {
                0 => return Err("the response is incomplete".into()),
                more => read += more,
            }
        }
        Ok((first, length))
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
