//! A proxy of bytes in front of a server of any protocol: it cuts connections, and loses answers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// A proxy that listens on any free port of 127.0.0.1.
#[derive(Debug)]
pub(crate) struct TcpProxy {
    address: SocketAddr,
    accepting: AbortHandle,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Grows when all connections are cut.
    cuts: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    refuses: bool,
    /// What new connections are answered with before they are closed.
    greeting: Option<Vec<u8>>,
    lose_answer_to: Option<(Vec<u8>, Vec<u8>)>,
    cut_at: Option<Vec<u8>>,
    /// Connections whose answer is being lost.
    losing: usize,
    /// Whether the server is away after an answer was lost.
    stops: bool,
}

impl TcpProxy {
    /// Starts a proxy in front of a server.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            cuts: watch::Sender::new(0),
            state: Mutex::new(State {
                server,
                refuses: false,
                greeting: None,
                lose_answer_to: None,
                cut_at: None,
                losing: 0,
                stops: false,
            }),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                client.set_nodelay(true).unwrap();
                let shared = Arc::clone(&serving);
                // However it ends, the client sees a connection that closes.
                connections.spawn(async move { serve(client, &shared).await });
            }
        });
        Self {
            address,
            accepting: accepting.abort_handle(),
            shared,
        }
    }

    /// Returns the address that the proxy listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Sets whether new connections are closed at once. Defaults to `false`.
    pub(crate) fn refuse(&self, refuses: bool) {
        let mut state = self.shared.state();
        state.refuses = refuses;
        state.stops &= refuses;
    }

    /// Leads new connections to another server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.shared.state().server = server;
    }

    /// Answers the first bytes of new connections with these, and passes nothing on. Defaults to `None`.
    pub(crate) fn greet(&self, greeting: Option<&[u8]>) {
        self.shared.state().greeting = greeting.map(<[u8]>::to_vec);
    }

    /// Passes the next request with these bytes on, waits until the server has answered with bytes of
    /// `answer`, and cuts the connection without passing anything of it back.
    pub(crate) fn lose_answer_to(&self, bytes: &[u8], answer: &[u8]) {
        self.shared.state().lose_answer_to = Some((bytes.to_vec(), answer.to_vec()));
    }

    /// As [`lose_answer_to`](Self::lose_answer_to), and then cuts all connections and refuses new ones.
    #[allow(dead_code, reason = "for the programs that share this file")]
    pub(crate) fn stop_at_answer_to(&self, bytes: &[u8], answer: &[u8]) {
        self.lose_answer_to(bytes, answer);
        self.shared.state().stops = true;
    }

    /// Cuts the connection at the next request with these bytes, which the server never sees.
    pub(crate) fn cut_at(&self, bytes: &[u8]) {
        self.shared.state().cut_at = Some(bytes.to_vec());
    }

    /// Returns whether a fault that was asked for is still to come: an answer that is lost has come from the server then.
    pub(crate) fn has_fault(&self) -> bool {
        let state = self.shared.state();
        state.lose_answer_to.is_some() || state.cut_at.is_some() || state.losing > 0
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an answer was lost.
    fn lost(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.stops) {
            state.refuses = true;
            self.cuts.send_modify(|cuts| *cuts += 1);
        }
    }

    /// What happens to a request.
    fn fate(&self, request: &[u8]) -> Fate {
        let mut state = self.state();
        let cut = state.cut_at.take_if(|wanted| contains(request, wanted));
        if cut.is_some() {
            return Fate::Cut;
        }
        let lost = &mut state.lose_answer_to;
        match lost.take_if(|(wanted, _)| contains(request, wanted)) {
            Some((_, answer)) => {
                state.losing += 1;
                Fate::LoseAnswer(answer)
            }
            None => Fate::Pass,
        }
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// A connection whose answer is being lost.
struct Losing<'a>(&'a Shared);

impl Drop for Losing<'_> {
    fn drop(&mut self) {
        self.0.state().losing -= 1;
    }
}

enum Fate {
    Pass,
    LoseAnswer(Vec<u8>),
    Cut,
}

async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut cuts = shared.cuts.subscribe();
    let mut request = vec![0; 1 << 16];
    let (server, greeting) = {
        let state = shared.state();
        if state.refuses {
            return Ok(());
        }
        (state.server, state.greeting.clone())
    };
    if let Some(greeting) = greeting {
        let mut greeted = false;
        // Closed before everything is read, the answer might be lost.
        while client.read(&mut request).await? > 0 {
            if !std::mem::replace(&mut greeted, true) {
                client.write_all(&greeting).await?;
            }
        }
        return Ok(());
    }
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    let mut answer = vec![0; 1 << 16];
    // What an answer that is lost ends with, and what has come of it.
    let (mut loses, mut lost, mut _losing) = (None, Vec::new(), None);
    loop {
        tokio::select! {
            _ = cuts.changed() => return Ok(()),
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                size => {
                    match shared.fate(&request[..size]) {
                        Fate::Pass => {}
                        Fate::LoseAnswer(bytes) => {
                            loses = Some(bytes);
                            _losing = Some(Losing(shared));
                        }
                        Fate::Cut => return Ok(()),
                    }
                    server.write_all(&request[..size]).await?;
                }
            },
            read = server.read(&mut answer) => match read? {
                0 => return Ok(()),
                size if loses.is_some() => {
                    lost.extend_from_slice(&answer[..size]);
                    if loses.as_ref().is_some_and(|bytes| contains(&lost, bytes)) {
                        shared.lost();
                        return Ok(());
                    }
                }
                size => client.write_all(&answer[..size]).await?,
            },
        }
    }
}
