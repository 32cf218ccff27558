//! The pool of connections, made from a URL or handed in.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Manager, Pool};
use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::after_lost_answer;
use crate::error::{StateError, StateErrorKind};
use crate::failures::{Failures, OPEN};
use crate::postgres::failure::{is_read_only, may_repeat};
use crate::postgres::options::PostgresOptions;
use crate::postgres::session::Session;

/// How long a connection is silent before the system asks whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often an operation begins anew after its connection was lost or its transaction gave way.
const ATTEMPTS: u32 = 3;

/// A schema of a database, and the connections to it.
pub(super) struct Database {
    pool: Pool,
    subject: Arc<str>,
    pub(super) options: PostgresOptions,
}

/// What runs in a session. It may run again from its beginning.
pub(super) type Work<I, T> = for<'s> fn(&'s Session, &'s I) -> BoxFuture<'s, Result<T, StateError>>;

impl Database {
    /// Makes a pool from a URL. Nothing is connected yet.
    pub(super) fn from_url(url: &str, options: PostgresOptions) -> Result<Self, StateError> {
        let unnamed = Failures::new("postgres".into(), OPEN);
        // A parser's error may quote a part of the URL, which holds a password.
        let config = Config::from_str(&url.replace("sslmode=verify-full", "sslmode=require"));
        let mut config = config.map_err(|_| {
            let failure = unnamed.kind(StateErrorKind::InvalidInput);
            failure.with_detail("the URL is not one of PostgreSQL")
        })?;
        config.keepalives_idle(KEEPALIVE);
        config.connect_timeout(options.acquire_timeout);
        if config.get_application_name().is_none() {
            config.application_name("conversation-media");
        }
        let subject = subject(&config, &options.schema);
        let failures = Failures::new(Arc::clone(&subject), OPEN);
        let manager = match config.get_ssl_mode() {
            SslMode::Disable => Manager::new(config, tokio_postgres::NoTls),
            _ => Manager::new(config, MakeRustlsConnect::new(tls(&options, &failures)?)),
        };
        let pool = Pool::builder(manager)
            .max_size(options.max_connections.max(1))
            .build();
        let pool = pool.map_err(|error| failures.kind(StateErrorKind::Other).with_source(error))?;
        Ok(Self {
            pool,
            subject,
            options,
        })
    }

    /// Takes a pool that the caller made.
    pub(super) fn from_pool(pool: Pool, options: PostgresOptions) -> Self {
        let subject = format!("schema {}", options.schema).into();
        Self {
            pool,
            subject,
            options,
        }
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn failures(&self, operation: &'static str) -> Failures {
        Failures::new(Arc::clone(&self.subject), operation)
    }

    async fn client(&self, failures: &Failures) -> Result<Client, StateError> {
        let patience = self.options.acquire_timeout;
        match tokio::time::timeout(patience, self.pool.get()).await {
            Ok(client) => client.map_err(|error| failures.pool(error)),
            Err(_) => {
                let detail = format!("no connection became free within {patience:?}");
                Err(failures.unavailable(detail))
            }
        }
    }

    /// Runs a transaction. One that lost its connection or gave way to another one runs again: a
    /// write is known by its id, and everything else may be repeated.
    pub(super) async fn run<I: Sync + ?Sized, T: Send>(
        &self,
        operation: &'static str,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, StateError> {
        let failures = self.failures(operation);
        let timeout = self.options.operation_timeout;
        let mut attempt = 1;
        let mut reconnected = false;
        loop {
            let client = self.client(&failures).await?;
            let session = Session::new(client, &self.options.schema, timeout, failures.clone());
            let run = async {
                let outcome = work(&session, input).await;
                session.rollback().await;
                outcome
            };
            let Ok(outcome) = tokio::time::timeout(timeout, run).await else {
                let detail = format!("the server did not answer within {timeout:?}");
                return Err(failures.unavailable(detail));
            };
            match outcome {
                Err(error) if attempt < ATTEMPTS && (session.is_lost() || may_repeat(&error)) => {
                    attempt += 1;
                }
                Err(error) if !reconnected && is_read_only(&error) => {
                    reconnected = true;
                    session.close();
                    // The others are as old: after a failover new ones lead to the new primary.
                    self.pool.retain(|_, _| false);
                }
                Err(error) if attempt > 1 || reconnected => return Err(after_lost_answer(error)),
                outcome => return outcome,
            }
        }
    }
}

/// Host, database and schema: what an error may name.
fn subject(config: &Config, schema: &str) -> Arc<str> {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or(config.get_user());
    format!(
        "{host}:{port}/{} schema {schema}",
        database.unwrap_or_default()
    )
    .into()
}

fn tls(options: &PostgresOptions, failures: &Failures) -> Result<ClientConfig, StateError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refused = |error: Box<dyn std::error::Error + Send + Sync>| {
        let failure = failures.kind(StateErrorKind::InvalidInput);
        failure
            .with_detail("the certificates cannot be used")
            .with_source(error)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.into()))?;
    let builder = match &options.root_certificates {
        None => builder
            .with_platform_verifier()
            .map_err(|error| refused(error.into()))?,
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|_| refused("no certificate in PEM".into()))?;
                roots
                    .add(certificate)
                    .map_err(|error| refused(error.into()))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(builder.with_no_client_auth())
}
