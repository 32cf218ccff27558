//! A local mock server that answers HTTP/1.1 by a function.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request to a [`MockServer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MockRequest {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub target: String,
    /// The body, by its declared length.
    pub body: Bytes,
}

impl MockRequest {
    /// Returns the path without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    async fn read(socket: &mut TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let (method, rest) = head.split_once(' ')?;
        let (target, headers) = rest.split_once(' ')?;
        let len = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_len = name.eq_ignore_ascii_case("content-length");
            is_len.then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; len.unwrap_or(0)];
        socket.read_exact(&mut body).await.ok()?;
        Some(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            body: body.into(),
        })
    }
}

/// The response of a [`MockServer`]. The connection ends behind it.
#[derive(Clone, Debug)]
pub struct MockResponse {
    status: u16,
    content_type: String,
    declared_len: Option<usize>,
    body: Bytes,
}

impl MockResponse {
    /// Creates a response, which declares the length of its body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            status,
            content_type: content_type.to_owned(),
            declared_len: Some(body.len()),
            body,
        }
    }

    /// Sets the length that is declared; none leaves the header out. A longer one than the body's makes
    /// a response that is truncated.
    #[must_use]
    pub fn with_declared_len(mut self, len: Option<usize>) -> Self {
        self.declared_len = len;
        self
    }

    async fn write(self, socket: &mut TcpStream) -> std::io::Result<()> {
        let len = self.declared_len;
        let len = len.map_or_else(String::new, |len| format!("content-length: {len}\r\n"));
        let head = format!(
            "HTTP/1.1 {} x\r\ncontent-type: {}\r\n{len}connection: close\r\n\r\n",
            self.status, self.content_type
        );
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(&self.body).await?;
        socket.shutdown().await
    }
}

/// A local mock server: one request per connection, each answered by a function. It listens on
/// 127.0.0.1, on any free port, and ends with its last clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use media_storage_testkit::{MockResponse, MockServer};
///
/// let server = MockServer::start(async |request| match request.path() {
///     "/a.png" => MockResponse::new(200, "image/png", "bytes"),
///     _ => MockResponse::new(404, "text/plain", "no"),
/// })
/// .await?;
/// assert!(server.url("a.png").starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MockServer {
    address: SocketAddr,
    _task: Arc<Abort>,
}

#[derive(Debug)]
struct Abort(JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl MockServer {
    /// Starts a server on the runtime that calls this.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub async fn start<A, F>(answer: A) -> std::io::Result<Self>
    where
        A: Fn(MockRequest) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = MockResponse> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    if let Some(request) = MockRequest::read(&mut socket).await {
                        // A client that has read enough is gone.
                        let _ = answer(request).await.write(&mut socket).await;
                    }
                });
            }
        });
        Ok(Self {
            address,
            _task: Arc::new(Abort(task)),
        })
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a target, which is given without its first slash.
    pub fn url(&self, target: &str) -> String {
        format!("http://{}/{target}", self.address)
    }
}
