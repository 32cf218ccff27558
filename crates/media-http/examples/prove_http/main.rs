//! Proves what `media-http` promises, over real connections to a server in a process of its own.
//!
//! usage: prove_http [--short] [--tus-client SCRIPT]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conditions;
mod forged;
mod memory;
mod noise;
mod readers;
mod resumable;
mod server;
mod uploads;

use server::Server;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much is done.
#[derive(Clone, Copy)]
struct Sizes {
    readers: usize,
    forgeries: usize,
    cuts: usize,
    resumed: usize,
    media: u64,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, directory] = arguments.as_slice()
        && command == "serve"
    {
        return server::run(directory).await;
    }
    let short = arguments.iter().any(|argument| argument == "--short");
    let sizes = Sizes {
        readers: 200,
        forgeries: if short { 2_000 } else { 50_000 },
        cuts: if short { 40 } else { 500 },
        resumed: if short { 8 } else { 60 },
        media: if short { 64 << 20 } else { 1 << 30 },
    };
    let client = arguments
        .iter()
        .skip_while(|argument| *argument != "--tus-client")
        .nth(1);
    let mut server = Server::start().await?;
    let results = [
        conditions::prove(&server).await?,
        readers::prove(&server, sizes.readers).await?,
        forged::prove(&server, sizes.forgeries).await?,
        uploads::prove(&server, sizes.cuts).await?,
        memory::prove(&mut server, sizes.media).await?,
        resumable::prove(&mut server, sizes.resumed).await?,
        resumable::prove_with(&server, client).await?,
    ];
    if results.contains(&false) {
        return Err("a promise does not hold, see above".into());
    }
    Ok(())
}

/// Prints a figure, and returns whether it is as it must be.
fn judge(what: &str, good: usize, all: usize) -> bool {
    let holds = good == all && all > 0;
    let word = if holds { "ok" } else { "BROKEN" };
    println!("{word}: {what}: {good} of {all}");
    holds
}
