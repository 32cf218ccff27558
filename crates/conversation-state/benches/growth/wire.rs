//! What goes between a store and its server, counted by a proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

/// Counters of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// How often a client has begun to talk after its server had.
    round_trips: AtomicU64,
    bytes: AtomicU64,
}

impl Wire {
    /// Starts a proxy in front of a server and returns where it listens. It ends with the process.
    pub(crate) async fn start(server: SocketAddr) -> Result<(Arc<Self>, SocketAddr), Failure> {
        let wire = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else {
                    break;
                };
                serving.connect(client, server);
            }
        });
        Ok((wire, address))
    }

    /// Returns the round trips and the bytes so far.
    pub(crate) fn read(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        (read(&self.round_trips), read(&self.bytes))
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        for stream in [&client, &server] {
            // One that has gone is seen when it is read.
            let _ = stream.set_nodelay(true);
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let is_answered = Arc::new(AtomicBool::new(true));
        let (wire, answered) = (Arc::clone(self), Arc::clone(&is_answered));
        tokio::spawn(pass(from_client, to_server, move |bytes| {
            wire.bytes.fetch_add(bytes, Ordering::AcqRel);
            if answered.swap(false, Ordering::AcqRel) {
                wire.round_trips.fetch_add(1, Ordering::AcqRel);
            }
        }));
        let wire = Arc::clone(self);
        tokio::spawn(pass(from_server, to_client, move |bytes| {
            wire.bytes.fetch_add(bytes, Ordering::AcqRel);
            is_answered.store(true, Ordering::Release);
        }));
    }
}

/// Passes bytes on until one side is closed, and closes the other.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: impl Fn(u64)) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen(length as u64);
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    // It may be closed already.
    let _ = to.shutdown().await;
}
