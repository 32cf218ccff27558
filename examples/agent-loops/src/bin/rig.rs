//! A loop with an agent of rig whose memory holds no media.

use agent_loops::{Error, QUESTIONS, history, photo};
use media_history::History;
use rig::completion::Message;
use rig::id::ConversationId;
use rig::memory::{ConversationMemory, InMemoryConversationMemory, MemoryError};
use rig::message::{ImageMediaType, UserContent};
use rig::prelude::*;
use rig::providers::openai::OpenAI;
use rig::wasm_compat::WasmBoxedFuture;

/// Any memory of rig, without the media of its messages.
struct SlimMemory<M> {
    inner: M,
    history: History,
}

impl<M: ConversationMemory> ConversationMemory for SlimMemory<M> {
    fn load<'a>(
        &'a self,
        id: &'a ConversationId,
    ) -> WasmBoxedFuture<'a, Result<Vec<Message>, MemoryError>> {
        Box::pin(async move {
            let slim = self.inner.load(id).await?;
            self.history
                .restore_typed(&slim)
                .await
                .map_err(MemoryError::backend)
        })
    }

    fn append<'a>(
        &'a self,
        id: &'a ConversationId,
        messages: Vec<Message>,
    ) -> WasmBoxedFuture<'a, Result<(), MemoryError>> {
        Box::pin(async move {
            let slim = self.history.externalize_typed(&messages).await;
            self.inner
                .append(id, slim.map_err(MemoryError::backend)?)
                .await
        })
    }

    fn clear<'a>(&'a self, id: &'a ConversationId) -> WasmBoxedFuture<'a, Result<(), MemoryError>> {
        Box::pin(async move {
            let slim = serde_json::to_vec(&self.inner.load(id).await?);
            let slim = slim.map_err(MemoryError::backend)?;
            self.inner.clear(id).await?;
            self.history
                .forget(&slim)
                .await
                .map_err(MemoryError::backend)?;
            Ok(())
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let kept = InMemoryConversationMemory::new();
    let memory = SlimMemory {
        inner: kept.clone(),
        history: history().await?,
    };
    let agent = AgentBuilder::new(OpenAI::from_env()?.chat("gpt-5.4"))
        .memory(memory)
        .conversation("chat-1")
        .build();
    let mut image = Some(UserContent::image_base64(
        photo()?,
        Some(ImageMediaType::PNG),
        None,
    ));
    for question in QUESTIONS {
        let mut content = vec![UserContent::text(question)];
        content.extend(image.take());
        let response = agent.prompt(Message::User { content }).await?;
        println!("{}", response.output());
    }
    let slim = kept.load(&"chat-1".into()).await?;
    std::fs::write("history.json", serde_json::to_vec(&slim)?)?;
    Ok(())
}
