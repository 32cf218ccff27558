//! The command: once into a file, or again and again for a server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::commands::metrics::exposition::Snapshot;
use crate::commands::metrics::server::{Latest, Server};
use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::Output;
use crate::quantity::parse_duration;
use crate::store::{OpenStore, StoreArguments, open_existing};

/// Arguments of `media metrics`.
#[derive(Debug, Args)]
pub(crate) struct MetricsArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Serve GET /metrics at this address, such as 127.0.0.1:9191, until interrupted.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "textfile")]
    listen: Option<SocketAddr>,

    /// How often the store is read while serving. Each time costs a walk over everything.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "5m", requires = "listen")]
    every: Duration,

    /// Write this file, for the textfile collector of node_exporter. Without it and --listen,
    /// metrics go to standard output. --json writes them to standard output as JSON.
    #[arg(long, value_name = "FILE")]
    textfile: Option<PathBuf>,
}

pub(crate) async fn run(arguments: MetricsArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    if let Some(address) = arguments.listen {
        if arguments.every.is_zero() {
            return Err(Failure::usage("--every needs at least 1s"));
        }
        let server = Server::bind(address).await?;
        output.note(format_args!("serving http://{}/metrics", server.address()?));
        let latest = Latest::default();
        tokio::select! {
            served = server.serve(latest.clone()) => served?,
            () = refresh(&store, &latest, arguments.every, output) => {}
        }
        return Ok(Exit::Fine);
    }
    let snapshot = Snapshot::take(&store).await?;
    let text = snapshot.text();
    if output.is_json() {
        output.json(&snapshot.json())?;
    }
    match &arguments.textfile {
        None if output.is_json() => {}
        None => output.raw(&text)?,
        Some(path) => {
            let mut file = NewFile::create(path)?;
            file.write_all(text.as_bytes())
                .map_err(Failure::io("write", path))?;
            // The collector runs as another user.
            file.set_mode(0o644).map_err(Failure::io("write", path))?;
            file.commit(Existing::Replace)?;
        }
    }
    Ok(Exit::Fine)
}

async fn refresh(store: &OpenStore, latest: &Latest, every: Duration, output: &Output) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match Snapshot::take(store).await {
            Ok(snapshot) => latest.set(snapshot.text()),
            // The last look stays, with its time; an alert on its age says the rest.
            Err(failure) => output.warn(&failure),
        }
    }
}
