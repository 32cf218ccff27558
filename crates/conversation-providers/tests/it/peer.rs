//! An HTTP/1.1 server that answers by script and keeps every byte that it was sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Notify};

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What happens to one request.
#[derive(Debug)]
pub(crate) enum Act {
    /// Answers, in these pieces, each written by itself; then closes.
    Send(Vec<Vec<u8>>),
    /// Answers in one piece, once all requests that the barrier counts have arrived; then closes.
    SendTogether(Arc<Barrier>, Vec<u8>),
    /// Answers before it has read the body; then closes.
    SendEarly(Vec<u8>),
    /// Answers these pieces and then is silent until the peer is dropped.
    SendAndHang(Vec<Vec<u8>>),
    /// Answers events: the first again and again with pauses, then the last; then closes.
    SendSlowly {
        first: String,
        times: usize,
        pause: Duration,
        last: String,
    },
    /// Answers as the request deserves.
    Judge(Judge),
    /// Reads the request and closes without a word.
    Close,
    /// Reads so many bytes of the body and closes without a word.
    CloseInBody(usize),
    /// Reads the request and is silent until the peer is dropped.
    Hang,
}

/// Decides what happens to a request, once it is there.
#[derive(Clone)]
pub(crate) struct Judge(Arc<dyn Fn(&Received) -> Act + Send + Sync>);

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

impl Act {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::reply(status, &[], &body.to_string())
    }

    pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let head = head(status, headers, Some(body.len()), "application/json");
        Self::Send(vec![[head.as_bytes(), body.as_bytes()].concat()])
    }

    /// Server-sent events without a length, in pieces of this many bytes.
    pub(crate) fn events(text: &str, size: usize) -> Self {
        Self::Send(event_pieces(text, size))
    }
}

pub(crate) fn event_pieces(text: &str, size: usize) -> Vec<Vec<u8>> {
    let head = head(200, &[], None, "text/event-stream; charset=utf-8");
    let pieces = text.as_bytes().chunks(size).map(<[u8]>::to_vec);
    std::iter::once(head.into_bytes()).chain(pieces).collect()
}

pub(crate) fn head(
    status: u16,
    headers: &[(&str, &str)],
    len: Option<usize>,
    kind: &str,
) -> String {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n");
    if let Some(len) = len {
        head.push_str(&format!("content-length: {len}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// A server on loopback, gone when dropped.
pub(crate) struct Peer {
    address: std::net::SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    arrived: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Answers one request after the other by these acts; what comes beyond them is refused with
    /// 418.
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let arrived = Arc::new(Notify::new());
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let (seen, notify) = (Arc::clone(&received), Arc::clone(&arrived));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let act = acts.lock().unwrap().pop_front();
                let act = act.unwrap_or_else(|| Act::reply(418, &[], "{}"));
                let (seen, notify) = (Arc::clone(&seen), Arc::clone(&notify));
                connections.spawn(async move {
                    // A client may go away at any time.
                    let _ = serve(socket, act, &seen, &notify).await;
                });
            }
        });
        Self {
            address,
            received,
            arrived,
            task,
        }
    }

    /// Answers each of the first requests as it deserves.
    pub(crate) async fn judging(judge: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Self {
        let judge = Judge(Arc::new(judge));
        Self::start(std::iter::repeat_n(judge, 64).map(Act::Judge)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The newest request.
    pub(crate) fn last(&self) -> Received {
        self.received.lock().unwrap().last().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1);
        received.into_iter().next().unwrap()
    }

    /// Waits for an outcome whose time is to run out: once a request has arrived whole, the clock goes on by
    /// so much, however slow the machine is.
    pub(crate) async fn outlast<T>(&self, outcome: impl Future<Output = T>, time: Duration) -> T {
        let late = async {
            self.arrival().await;
            tokio::time::pause();
            tokio::time::advance(time).await;
            tokio::time::resume();
        };
        tokio::join!(outcome, late).0
    }

    /// Waits until a request has arrived whole.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut socket: TcpStream,
    act: Act,
    seen: &Mutex<Vec<Received>>,
    notify: &Notify,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let (line, headers, mut body) = read_head(&mut socket).await?;
    if let Act::SendEarly(answer) = &act {
        let received = Received {
            line,
            headers,
            body,
        };
        seen.lock().unwrap().push(received);
        socket.write_all(answer).await?;
        socket.shutdown().await?;
        // What is still on its way is read, else closing would reset the connection.
        tokio::io::copy(&mut socket, &mut tokio::io::sink()).await?;
        return Ok(());
    }
    let len = headers.iter().find(|(name, _)| name == "content-length");
    let len: usize = len.map_or(0, |(_, value)| value.parse().unwrap());
    let wanted = match &act {
        Act::CloseInBody(at) => len.min(*at),
        _ => len,
    };
    while body.len() < wanted {
        let mut piece = vec![0; 64 * 1024];
        let read = socket.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        body.extend_from_slice(&piece[..read]);
    }
    if wanted < len {
        return Ok(());
    }
    let received = Received {
        line,
        headers,
        body,
    };
    let act = match act {
        Act::Judge(judge) => (judge.0)(&received),
        act => act,
    };
    seen.lock().unwrap().push(received);
    notify.notify_one();
    match act {
        Act::Send(pieces) => write_pieces(&mut socket, &pieces).await?,
        Act::SendTogether(barrier, answer) => {
            barrier.wait().await;
            socket.write_all(&answer).await?;
        }
        Act::SendSlowly {
            first,
            times,
            pause,
            last,
        } => {
            socket.write_all(&event_pieces("", 1)[0]).await?;
            for _ in 0..times {
                socket.write_all(first.as_bytes()).await?;
                tokio::time::sleep(pause).await;
            }
            socket.write_all(last.as_bytes()).await?;
        }
        Act::SendAndHang(pieces) => {
            write_pieces(&mut socket, &pieces).await?;
            std::future::pending::<()>().await;
        }
        Act::Hang => std::future::pending().await,
        Act::Close | Act::CloseInBody(_) | Act::SendEarly(_) | Act::Judge(_) => {}
    }
    socket.shutdown().await
}

async fn write_pieces(socket: &mut TcpStream, pieces: &[Vec<u8>]) -> std::io::Result<()> {
    for piece in pieces {
        socket.write_all(piece).await?;
        socket.flush().await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

pub(crate) async fn read_head(
    socket: &mut TcpStream,
) -> std::io::Result<(String, Vec<(String, String)>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let mut piece = [0; 4096];
        let read = socket.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..read]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    Ok((line, headers, bytes[end + 4..].to_vec()))
}

/// Long enough that only what hangs takes longer.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// A URL at which nobody listens, and the socket that keeps its port from others.
pub(crate) fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}/v1", socket.local_addr().unwrap());
    (socket, url)
}
