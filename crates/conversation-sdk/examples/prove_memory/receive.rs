//! A large picture from the images endpoint into a store, in a turn.

use std::sync::Arc;

use async_trait::async_trait;
use conversation_sdk::{
    Completion, ConversationManager, ImageGenerationTool, MediaContext, OpenAiImages, Provider,
    ProviderError, ProviderRequest, ProviderResponse, Role, Start, ToolCall,
};
use media_storage::Sha256Hasher;
use media_store_fs::FileStore;
use serde_json::json;

use crate::Result;
use crate::measure::Idle;
use crate::painter::{self, Painter};

const BOUND_MIB: u64 = 8;
const SIZE: usize = 50_000_000;

/// A model that has a picture painted with the user's words as its prompt.
#[derive(Debug)]
struct Orders;

#[async_trait]
impl Provider for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    fn model(&self) -> &str {
        "none"
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        _: &MediaContext,
    ) -> std::result::Result<ProviderResponse, ProviderError> {
        let done = match request.messages.last() {
            Some(message) if message.role == Role::User => {
                let arguments = json!({"prompt": message.text()}).to_string();
                let call = ToolCall::new("call-1", "generate_image", arguments);
                Completion::new(Vec::new()).with_tool_calls(vec![call])
            }
            _ => Completion::new(vec!["done".into()]),
        };
        Ok(ProviderResponse::complete(done))
    }
}

pub(crate) async fn run() -> Result<bool> {
    let painter = Painter::start()?;
    let dir = tempfile::tempdir()?;
    let store = FileStore::open(dir.path()).await?;
    let images = OpenAiImages::new("key", "gpt-image-1-mini")
        .with_base_url(format!("http://{}/v1", painter.address));
    let manager = ConversationManager::builder()
        .with_provider(Orders)
        .with_media_storage(store)
        .with_tool(ImageGenerationTool::new(Arc::new(images)))
        .build()?;
    let mut conversation = manager.start(Start::new().with_system("Paint.")).await?;

    // A small one makes the client and starts the threads.
    conversation.send("1000000").await?;
    let idle = Idle::now()?;
    let response = conversation.send(SIZE.to_string()).await?;
    let what = format!("receive: an image of {SIZE} bytes from the images endpoint into a store");
    let kept = idle.judge(&what, BOUND_MIB)?;

    let mut expected = Sha256Hasher::new();
    painter::pieces(SIZE).for_each(|piece| expected.update(&piece));
    let reference = response
        .media()
        .first()
        .and_then(|media| media.reference().cloned());
    let stored = reference.and_then(|reference| reference.sha256());
    if stored != Some(expected.finish()) {
        return Err("other bytes were stored than were painted".into());
    }
    Ok(kept)
}
