//! A listening socket of this process and its connections.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A socket that is served, with all of its connections, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Listening {
    /// Listens on a port of 127.0.0.1, or any free port if it is 0, and passes connections to `serve`.
    pub(crate) async fn start<S, F>(port: u16, serve: S) -> io::Result<Self>
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else {
                            // Out of descriptors, which are freed as connections end.
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            continue;
                        };
                        // Without this, a response in two writes waits 40 ms for an acknowledgment.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(serve(stream));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        })
        .abort_handle();
        Ok(Self { address, accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
