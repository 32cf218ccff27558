//! A server that says exactly what it is told to, and remembers what it was asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does with a connection after it has read the request.
pub(crate) enum Reply {
    /// Sends this and closes.
    Close(Vec<u8>),
    /// Sends this and says nothing more.
    Hang(Vec<u8>),
    /// Sends the first once, then the second again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends the first at once, then the second byte by byte.
    Drip(Vec<u8>, Vec<u8>, Duration),
}

/// An answer with a body of a told length.
pub(crate) fn ok(headers: &str, body: &[u8]) -> Reply {
    let length = format!("Content-Length: {}\r\n", body.len());
    raw(&format!("HTTP/1.1 200 OK\r\n{length}{headers}"), body)
}

/// A head, to which the empty line is added, and a body as it is.
pub(crate) fn raw(head: &str, body: &[u8]) -> Reply {
    Reply::Close(bytes(head, body))
}

pub(crate) fn bytes(head: &str, body: &[u8]) -> Vec<u8> {
    let mut all = format!("{head}\r\n").into_bytes();
    all.extend_from_slice(body);
    all
}

pub(crate) fn status(code: u16) -> Reply {
    raw(&format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n"), b"")
}

pub(crate) fn redirect(to: &str) -> Reply {
    let head = format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n"
    );
    raw(&head, b"")
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    sent: AtomicU64,
    requests: Mutex<Vec<String>>,
    asked: Notify,
    gone: Notify,
}

pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Listens on 127.0.0.1; `answer` is given the path and the server's own port.
    pub(crate) async fn start(answer: impl Fn(&str, u16) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, answer).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(
        tls: TlsAcceptor,
        answer: impl Fn(&str, u16) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(tls), answer).await
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str, u16) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (answer, by_task) = (Arc::new(answer), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                by_task.connections.fetch_add(1, SeqCst);
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&by_task));
                let (tls, port) = (tls.clone(), address.port());
                tokio::spawn(async move {
                    let answer = |path: &str| answer(path, port);
                    match tls {
                        None => serve(stream, &seen, answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &seen, answer).await;
                            }
                        }
                    }
                    seen.gone.notify_one();
                });
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// Bytes that the system took from the server.
    pub(crate) fn sent(&self) -> u64 {
        self.seen.sent.load(SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Waits until a request has been read.
    pub(crate) async fn asked(&self) {
        self.seen.asked.notified().await;
    }

    /// Waits until a connection has ended.
    pub(crate) async fn gone(&self) {
        self.seen.gone.notified().await;
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn serve(mut stream: impl Stream, seen: &Seen, answer: impl Fn(&str) -> Reply) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    seen.requests.lock().unwrap().push(request);
    seen.asked.notify_one();
    match answer(&path) {
        Reply::Close(all) => {
            let _ = send(&mut stream, seen, &all).await;
            let _ = stream.shutdown().await;
        }
        Reply::Hang(all) => {
            let _ = send(&mut stream, seen, &all).await;
            until_closed(&mut stream).await;
        }
        Reply::Endless(head, piece) => {
            let mut open = send(&mut stream, seen, &head).await;
            while open {
                open = send(&mut stream, seen, &piece).await;
            }
        }
        Reply::Drip(head, body, pause) => {
            let mut open = send(&mut stream, seen, &head).await;
            for byte in body {
                if !open {
                    break;
                }
                tokio::time::sleep(pause).await;
                open = send(&mut stream, seen, &[byte]).await;
            }
        }
    }
}

async fn send(stream: &mut impl Stream, seen: &Seen, bytes: &[u8]) -> bool {
    let sent = stream.write_all(bytes).await.is_ok();
    if sent {
        seen.sent.fetch_add(bytes.len() as u64, SeqCst);
    }
    sent
}

async fn until_closed(stream: &mut impl Stream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.unwrap_or(0) > 0 {}
}
