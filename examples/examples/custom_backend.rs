//! A custom backend: media goes into a bucket that this workspace knows nothing of.
//!
//! ```text
//! cargo run --example custom_backend
//! ```
//!
//! The backend is `examples/src/bucket/store.rs`: one trait with four methods. It passes the conformance suite
//! (`examples/tests/conformance.rs`), and everything else works with it unchanged.

use std::process::ExitCode;
use std::time::Duration;

use conversation_sdk::{ConversationConfig, ConversationManager, Owner, Window};
use examples::advice::failed;
use examples::bucket::{BucketServer, BucketStore};
use examples::errors::Failure;
use examples::options::pack_path;
use examples::report::{StateSize, stored};
use examples::service::Service;
use examples::sizes::human;
use examples::terminal::say;
use examples::turn::Turn;
use media_storage::MediaStorageExt as _;

fn main() -> ExitCode {
    examples::run(custom_backend)
}

async fn custom_backend() -> Result<(), Failure> {
    let service = Service::connect().await?;
    say(service.notice());
    let server = BucketServer::start().await.map_err(failed)?;
    let store = BucketStore::new(server.bucket().map_err(failed)?);

    let manager = ConversationManager::builder()
        .with_provider(service.provider())
        .with_tool(service.image_tool("image-generator-tool"))
        .with_media_storage(store.clone())
        .build()
        .map_err(failed)?;
    let pack = manager
        .load_pack(pack_path("image-generator.pack.json"))
        .map_err(failed)?;
    let config = ConversationConfig::new("image-generator").with_session("session-bucket");
    let mut conversation = manager
        .new_conversation(&pack, config)
        .await
        .map_err(failed)?;
    for wish in [
        "Paint a serene lake at dawn",
        "Paint abstract art with bold colors",
    ] {
        say(format_args!("\n> {wish}"));
        match Turn::take(&mut conversation, wish).await? {
            Some(turn) => say(turn),
            None => return Err(Turn::stopped()),
        }
    }

    let messages = conversation.messages(Window::All).await.map_err(failed)?;
    say(format_args!(
        "\n{}\nin the bucket:",
        StateSize::of(&messages)
    ));
    for (key, size) in server.objects() {
        say(format_args!("  {key}  {}", human(size as u64)));
    }
    for reference in stored(&messages) {
        let media = store
            .retrieve_media(reference, 64 << 20)
            .await
            .map_err(failed)?;
        say(format_args!(
            "read back and verified: {} ({})",
            reference.file_name(),
            human(media.size().unwrap_or(0))
        ));
    }
    manager
        .delete_conversation(conversation.id(), Owner::any())
        .await
        .map_err(failed)?;
    say(format_args!(
        "conversation deleted; objects left in the bucket: {}",
        server.objects().len()
    ));
    let deadline = Duration::from_secs(5);
    manager.shutdown(deadline).await.map_err(failed)
}
