//! Media that models and tools hand over piece by piece.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;

use async_trait::async_trait;
use conversation_sdk::provider::{Completion, ProviderRequest, Reply};
use conversation_sdk::receive::MediaReceiver;
use conversation_sdk::{
    ManagerConfig, MediaContext, Part, Provider, ProviderError, Response, Tool, ToolCall,
    ToolContext, ToolDefinition, ToolError, ToolOutput,
};
use media_storage::{InMemoryStorage, MediaStorageExt};
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};

use crate::support::picture_bytes;

mod lifetime;
mod storing;

/// The spools of these tests: a directory in which nothing may be seen, and whose files must be
/// closed in the end.
pub(crate) struct Spools(tempfile::TempDir);

impl Spools {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> ManagerConfig {
        ManagerConfig::default().with_spool_directory(self.path())
    }

    /// How many files are in use. Their names are gone, so only this process knows of them.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(&self) -> usize {
        let ours = |link: std::io::Result<std::path::PathBuf>| {
            link.is_ok_and(|path| path.starts_with(self.path()))
        };
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|entry| ours(std::fs::read_link(entry.as_ref().unwrap().path())))
            .count()
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open(&self) -> usize {
        0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.path().read_dir().unwrap().next().is_none() && self.open() == 0
    }

    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.path().read_dir().unwrap().count(), 0);
        assert_eq!(self.open(), 0, "spools are still open");
    }
}

/// Hands a picture over in pieces.
pub(crate) async fn paint(receiver: &MediaReceiver, seed: u64, len: usize) -> MediaContent {
    let mut incoming = receiver.begin();
    for piece in picture_bytes(seed, len).chunks(50_001) {
        incoming.write(piece).await.unwrap();
    }
    incoming.finish(&Mime::IMAGE_PNG).await.unwrap()
}

/// A tool that makes pictures of these seeds and sizes.
#[derive(Clone, Debug)]
pub(crate) struct Paints(pub(crate) Vec<(u64, usize)>);

#[async_trait]
impl Tool for Paints {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("paint", "paints", json!({"type": "object"}))
    }

    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.call_in(arguments, &ToolContext::new()).await
    }

    async fn call_in(&self, _: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let mut parts = vec![Part::from("here")];
        for (seed, len) in &self.0 {
            let content = paint(context.receiver(), *seed, *len).await;
            parts.push(content.with_caption("mine").into());
        }
        Ok(ToolOutput::new(parts))
    }
}

/// A model that answers with a picture, after words.
#[derive(Clone, Debug)]
pub(crate) struct Painter(pub(crate) u64, pub(crate) usize);

#[async_trait]
impl Provider for Painter {
    fn name(&self) -> &str {
        "painter"
    }
    fn model(&self) -> &str {
        "oil"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let content = paint(media.receiver(), self.0, self.1).await;
        let parts = vec!["look".into(), content.into()];
        Ok(Reply::whole(Completion::new(parts)))
    }
}

pub(crate) fn calls_paint() -> Completion {
    Completion::new(vec![]).with_tool_calls(vec![ToolCall::new("call-1", "paint", "{}")])
}

pub(crate) async fn bytes_of(store: &InMemoryStorage, response: &Response) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    for content in response.media() {
        all.push(match content.reference() {
            Some(reference) => store.retrieve_bytes(reference, u64::MAX).await.unwrap(),
            None => content.inline().unwrap().clone(),
        });
    }
    all
}
