//! A chat service in one program: streamed answers, uploads, media by links, and a page to try it.
//!
//! ```text
//! cargo run --release -p chat-service
//! ```
//!
//! Then open the address that it prints. Without `OPENAI_API_KEY` a local mock server answers.
//!
//! - [`config`]: what the environment says
//! - [`app`]: stores and manager, opened and closed
//! - [`user`]: who asks
//! - [`uploads`]: what may be sent, and where it goes
//! - [`direct`]: uploads straight to the bucket
//! - [`announcements`]: how often they may be announced
//! - [`adoption`]: what becomes of them
//! - [`tickets`]: what a browser keeps of them
//! - [`erasures`]: parts of users who were erased on another node
//! - [`routes`]: what can be asked
//! - [`events`]: a turn as server-sent events
//! - [`error`]: errors as responses
//! - [`metrics`]: what is counted, at an address of its own
//! - [`upkeep`]: everything that is due, by hand or by a timer

mod adoption;
mod announcements;
mod app;
mod config;
mod direct;
mod erasures;
mod error;
mod events;
mod metrics;
mod routes;
mod tickets;
mod upkeep;
mod uploads;
mod user;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use examples::advice::failed;
use examples::errors::Failure;
use examples::peer::process;
use examples::service::Service;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use app::App;
use config::{Command, Config};

/// How long connections may stay open when all turns have ended: downloads, and clients that do not read.
const READERS_TIME: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // The mock server is this program once more.
    if let Some(served) = process::run_if_asked() {
        return if served.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.report());
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve() -> Result<(), Failure> {
    let config = Config::parse();
    let service = Service::connect().await?;
    if let Some(Command::Upkeep(wanted)) = &config.command {
        let app = App::open(&config, &service, "http://127.0.0.1").await?;
        return upkeep::run(&app, wanted).await;
    }
    eprintln!("{}", service.notice());
    let metrics = match config.metrics_listen {
        Some(address) => Some(metrics::serve(address).await?),
        None => None,
    };
    let spool = uploads::open_spool(&config).await?;
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .map_err(failed)?;
    let address = format!("http://{}", listener.local_addr().map_err(failed)?);
    let app = App::open(&config, &service, &address).await?;
    let parts = erasures::follow(app.clone(), spool.clone(), config.erasures_every());
    let parts = tokio::spawn(parts);
    let router = routes::router(app.clone(), spool)?;
    println!("{address}");
    let (closed, has_closed) = oneshot::channel();
    let stopping = asked_to_stop(app.clone(), closed);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopping);
    tokio::select! {
        served = serving.into_future() => served.map_err(failed)?,
        () = last_readers(has_closed) => tracing::warn!("connections were still open at the end"),
    }
    parts.abort();
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C, then for the turns that run: their readers get the end of them. Sends when they have
/// ended.
async fn asked_to_stop(app: App, closed: oneshot::Sender<()>) {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut signal) = signal(SignalKind::terminate()) {
            signal.recv().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
    app.close().await;
    let _ = closed.send(());
}

/// Waits until everything is closed, and then as long as readers of what is left may take.
async fn last_readers(has_closed: oneshot::Receiver<()>) {
    match has_closed.await {
        Ok(()) => tokio::time::sleep(READERS_TIME).await,
        Err(_) => std::future::pending().await,
    }
}
