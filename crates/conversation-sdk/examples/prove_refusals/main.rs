//! A turn with images at a server of others, in a process of its own: `scripts/prove-providers.sh` tells the
//! server what to refuse, runs this, and reads the server's journal.
//!
//! ```text
//! prove_refusals chat|responses|anthropic|gemini URL DIRECTORY IMAGE...
//! ```
//!
//! Conversation and media are in the directory, so that a second process goes on where the first one ended.
//! Each IMAGE is the name of an image that the message carries. Prints `answer: ` and the answer, or
//! `error: ` and why there is none.

use std::path::Path;
use std::process::ExitCode;

use conversation_sdk::types::Part;
use conversation_sdk::{
    AnthropicProvider, Conversation, ConversationErrorKind, ConversationManager, GeminiProvider,
    ManagerConfig, OpenAiProvider, Owner, ResponsesProvider, SqliteStateStore, Start, UserMessage,
};
use media_store_fs::FileStore;
use media_types::{ConversationId, MediaContent, Mime};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const KEY: &str = "key-of-the-proof";
const MODEL: &str = "mock-1";
const CONVERSATION: &str = "refusals";
/// Bytes of an image: above the threshold, and so few that the server's journal keeps whole requests.
const IMAGE_BYTES: usize = 8 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [api, url, directory, images @ ..] = words.as_slice() else {
        eprintln!("usage: prove_refusals chat|responses|anthropic|gemini URL DIRECTORY IMAGE...");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ran = runtime.map_err(Into::into).and_then(|runtime| {
        let turn = turn(api, url, Path::new(directory), images);
        runtime.block_on(turn)
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn turn(api: &str, url: &str, directory: &Path, images: &[&str]) -> Result<()> {
    let manager = manager(api, url, directory).await?;
    let mut conversation = conversation(&manager).await?;
    let parts = images.iter().map(|name| Part::Media(image(name)));
    let message = parts.fold(UserMessage::from("What is this?"), UserMessage::with_part);
    match conversation.send(message).await {
        Ok(response) => println!("answer: {}", response.text()),
        Err(error) => println!("error: {error}"),
    }
    Ok(())
}

async fn manager(api: &str, url: &str, directory: &Path) -> Result<ConversationManager> {
    let builder = ConversationManager::builder();
    // Failures that pass are not tried again, so that each request is one of the turn.
    let builder = match api {
        "chat" => builder.with_provider(
            OpenAiProvider::new(KEY, MODEL)
                .with_base_url(format!("{url}/v1"))
                .with_max_retries(0),
        ),
        "responses" => builder.with_provider(
            ResponsesProvider::new(KEY, MODEL)
                .with_base_url(format!("{url}/v1"))
                .with_max_retries(0),
        ),
        "anthropic" => builder.with_provider(
            AnthropicProvider::new(KEY, MODEL)
                .with_base_url(format!("{url}/anthropic/v1"))
                .with_max_retries(0),
        ),
        "gemini" => builder.with_provider(
            GeminiProvider::new(KEY, MODEL)
                .with_base_url(format!("{url}/gemini"))
                .with_api_version("v1beta")
                .with_max_retries(0),
        ),
        other => return Err(format!("unknown API {other}").into()),
    };
    let built = builder
        .with_config(ManagerConfig::new().with_media_size_threshold_kb(1))
        .with_media_storage(FileStore::open(directory.join("media")).await?)
        .with_state_store(SqliteStateStore::open(directory.join("state.sqlite")).await?)
        .build();
    Ok(built?)
}

/// Starts the conversation, or goes on with it.
async fn conversation(manager: &ConversationManager) -> Result<Conversation> {
    let id = ConversationId::new(CONVERSATION)?;
    match manager.resume(&id, Owner::any()).await {
        Err(error) if error.kind() == ConversationErrorKind::NotFound => {
            let start = Start::new().with_conversation_id(CONVERSATION);
            Ok(manager.start(start).await?)
        }
        resumed => Ok(resumed?),
    }
}

/// An image that is told by the name behind its signature.
fn image(name: &str) -> MediaContent {
    let mut bytes = [b"\x89PNG\r\n\x1a\n", name.as_bytes(), b";"].concat();
    bytes.resize(IMAGE_BYTES, b'.');
    MediaContent::from_bytes(Mime::IMAGE_PNG, bytes)
}
