//! A local mock of the services, for programs that are tried without a key.
//!
//! ```text
//! cargo run --example mock_server
//! ```
//!
//! It answers chat completions, images generations and edits, and Anthropic's messages, at `http://127.0.0.1:4010/v1`
//! with the key `local`. It paints the images itself, and costs nothing.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use examples::advice::failed;
use examples::errors::Failure;
use examples::peer::server;
use examples::terminal::say;
use tokio::net::TcpListener;

/// A local mock of OpenAI's service, and of Anthropic's.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen at
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,

    /// The key that requests must carry
    #[arg(long, default_value = "local")]
    key: String,
}

fn main() -> ExitCode {
    examples::run(mock_server)
}

async fn mock_server() -> Result<(), Failure> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        let what = format!("cannot listen at {}", options.listen);
        Failure::new(what, "Choose another address with --listen").with_source(error)
    })?;
    let address = listener.local_addr().map_err(failed)?;
    say(format_args!("http://{address}/v1"));
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server::serve(listener, options.key, stop)
        .await
        .map_err(failed)
}
