//! A small HTTP server for `GET /metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use media_types::readable::causes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::failure::{Failure, Outcome};

/// How many connections are served at once.
const MAX_CONNECTIONS: usize = 32;

/// The metrics as they were at the last look; none before the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest(Arc<RwLock<Option<Bytes>>>);

impl Latest {
    /// Replaces the metrics.
    pub(crate) fn set(&self, text: String) {
        *self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(text.into());
    }

    fn get(&self) -> Option<Bytes> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

/// A server that is bound and not yet serving.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    /// Binds an address.
    pub(crate) async fn bind(address: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::failed(format!("failed to listen on {address}")).because(error)
        })?;
        Ok(Self { listener })
    }

    /// Returns the address, with the port that was chosen.
    pub(crate) fn address(&self) -> Outcome<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until dropped.
    pub(crate) async fn serve(self, latest: Latest) -> Outcome<()> {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                return Ok(());
            };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, or a client that gave up: the next may do.
                    tracing::debug!(error = %causes(&error), "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let latest = latest.clone();
            tokio::spawn(async move {
                let _permit = permit;
                let service = service_fn(move |request| {
                    let response = answer(&request, &latest);
                    async move { Ok::<_, Infallible>(response) }
                });
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = served.await {
                    tracing::debug!(error = %causes(&error), "a connection broke");
                }
            });
        }
    }
}

fn answer(request: &Request<Incoming>, latest: &Latest) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => match latest.get() {
            Some(text) => (StatusCode::OK, text),
            None => (
                StatusCode::SERVICE_UNAVAILABLE,
                Bytes::from_static(b"the store has not been read yet\n"),
            ),
        },
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, Bytes::from_static(b"see /metrics\n"))
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
