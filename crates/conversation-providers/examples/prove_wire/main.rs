//! Sends stored media in every form of request through a recording proxy and writes down what must
//! have gone over the wire: for `scripts/prove-wire.sh`, whose judge reads the recording.
//!
//! ```text
//! prove_wire DIR CHAT_URL RECORDER_PORT RECORDER_URL MANIFEST
//! ```
//! - `DIR`: where the media store is made
//! - `CHAT_URL`: where chat completions are, behind the proxy
//! - `RECORDER_PORT`: where the recording peer listens; `RECORDER_URL`: the proxy before it
//! - `MANIFEST`: the file that is written: a line of JSON per request

#[cfg(feature = "openai")]
mod cases;
#[cfg(feature = "openai")]
mod recorder;

#[cfg(feature = "openai")]
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[cfg(not(feature = "openai"))]
fn main() -> std::process::ExitCode {
    eprintln!("NOT RUN: this needs the feature openai");
    std::process::ExitCode::from(2)
}

#[cfg(feature = "openai")]
#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [dir, chat, port, through, manifest] = words.as_slice() else {
        return Err("usage: prove_wire DIR CHAT_URL RECORDER_PORT RECORDER_URL MANIFEST".into());
    };
    let lines = cases::run(dir, chat, port.parse()?, through).await?;
    std::fs::write(manifest, lines.join("\n") + "\n")?;
    println!("{} requests were sent", lines.len());
    Ok(())
}
