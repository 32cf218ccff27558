//! Connections to a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    TlsCertificates,
};
use tokio::sync::Mutex;

use crate::error::{StateError, StateErrorKind};
use crate::redis::failure::Failures;
use crate::redis::options::RedisOptions;

/// A few connections, which are made when they are first needed and made anew when they fail.
pub(super) struct Connections {
    client: Client,
    config: AsyncConnectionConfig,
    slots: Vec<Mutex<Option<MultiplexedConnection>>>,
    next: AtomicUsize,
    pub(super) subject: Arc<str>,
}

impl Connections {
    /// Prepares connections to the server that a URL names.
    pub(super) fn new(url: &str, options: &RedisOptions) -> Result<Self, StateError> {
        let unnamed = Failures::new("redis".into(), "open conversation database");
        // A parser's error may quote a part of the URL, which holds a password.
        let invalid = || {
            let failure = unnamed.kind(StateErrorKind::InvalidInput);
            failure.with_detail("the URL is not one of Redis")
        };
        let info: ConnectionInfo = url.into_connection_info().map_err(|_| invalid())?;
        let subject = subject(&info);
        let client = match info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                // Where the program has chosen a provider, that one is used.
                let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: options.root_certificates.clone(),
                };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.timeout))
            .set_response_timeout(Some(options.timeout));
        Ok(Self {
            client: client.map_err(|_| invalid())?,
            config,
            slots: (0..options.connections.max(1))
                .map(|_| Mutex::new(None))
                .collect(),
            next: AtomicUsize::new(0),
            subject: subject.into(),
        })
    }

    /// Returns one of the connections.
    pub(super) async fn get(
        &self,
        failures: &Failures,
    ) -> Result<MultiplexedConnection, StateError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let mut slot = self.slots[number].lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config);
        let connection = connect.await.map_err(|error| failures.connecting(&error))?;
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// Forgets all connections after one has failed: mostly all have. Requests that are under way keep
    /// theirs.
    pub(super) async fn discard(&self) {
        for slot in &self.slots {
            *slot.lock().await = None;
        }
    }
}

/// Host, port and number of the database: what an error may name.
fn subject(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}/{database}")
        }
        ConnectionAddr::Unix(path) => format!("{}/{database}", path.display()),
        _ => format!("redis/{database}"),
    }
}
