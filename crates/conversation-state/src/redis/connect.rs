//! Connections to a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, TlsCertificates,
};
use tokio::sync::Mutex;

use crate::error::{StateError, StateErrorKind};
use crate::failures::{Failures, OPEN};
use crate::redis::options::RedisOptions;

/// A few connections, which are made when they are first needed and made anew when they fail.
pub(super) struct Connections {
    client: Client,
    /// What a connection begins with: the login, and the choice of the database.
    hello: Pipeline,
    uses_tls: bool,
    config: AsyncConnectionConfig,
    slots: Vec<Mutex<Option<MultiplexedConnection>>>,
    next: AtomicUsize,
    pub(super) subject: Arc<str>,
}

impl Connections {
    /// Prepares connections to the server that a URL names.
    pub(super) fn new(url: &str, options: &RedisOptions) -> Result<Self, StateError> {
        let unnamed = Failures::new("redis".into(), OPEN);
        // A parser's error may quote a part of the URL, which holds a password.
        let invalid = || {
            let failure = unnamed.kind(StateErrorKind::InvalidInput);
            failure.with_detail("the URL is not one of Redis")
        };
        let info: ConnectionInfo = url.into_connection_info().map_err(|_| invalid())?;
        let subject = subject(&info);
        let hello = hello(info.redis_settings());
        // The client would say of every failure that the password is wrong.
        let bare = RedisConnectionInfo::default().set_skip_set_lib_name();
        let info = info.set_redis_settings(bare);
        let uses_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
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
            hello,
            uses_tls,
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
        let mut connection = connect
            .await
            .map_err(|error| failures.connecting(&error, self.uses_tls))?;
        let hello: Result<(), _> = self.hello.query_async(&mut connection).await;
        hello.map_err(|error| failures.greeting(&error))?;
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

/// The commands that a connection begins with.
fn hello(settings: &RedisConnectionInfo) -> Pipeline {
    let mut hello = Pipeline::new();
    if let Some(password) = settings.password() {
        let login = hello.cmd("AUTH");
        if let Some(user) = settings.username() {
            login.arg(user);
        }
        login.arg(password).ignore();
    }
    if settings.db() != 0 {
        hello.cmd("SELECT").arg(settings.db()).ignore();
    }
    // Also where there is no login: a server that takes no more clients says so to the first command.
    hello.cmd("PING").ignore();
    hello
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
