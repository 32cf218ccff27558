//! The contenders.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use conversation_providers::body::RequestBody;
use conversation_providers::{
    ApiCapabilities, ApiFormat, Capabilities, MediaContext, ProviderRequest,
};
use conversation_types::{Message, UserMessage};
use futures_util::TryStreamExt as _;
use media_loader::MediaLoader;
use media_types::MediaContent;

use super::by_hand;
use crate::Result;
use crate::race::Lane;

/// The work done by hand, on a thread that may block.
pub(super) struct Floor(pub(super) Arc<[PathBuf]>);

#[async_trait]
impl Lane for Floor {
    async fn run(&mut self) -> Result<Duration> {
        blocking(&self.0, by_hand::floor).await
    }
}

/// The plain way, on a thread that may block.
pub(super) struct Plain(pub(super) Arc<[PathBuf]>);

#[async_trait]
impl Lane for Plain {
    async fn run(&mut self) -> Result<Duration> {
        blocking(&self.0, by_hand::plain).await
    }
}

async fn blocking(files: &Arc<[PathBuf]>, work: fn(&[PathBuf]) -> Result<()>) -> Result<Duration> {
    let files = Arc::clone(files);
    let start = Instant::now();
    tokio::task::spawn_blocking(move || work(&files)).await??;
    Ok(start.elapsed())
}

/// Each media item to base64, one after the other.
pub(super) struct Load(pub(super) Vec<MediaContent>, pub(super) MediaLoader);

#[async_trait]
impl Lane for Load {
    async fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        for content in &self.0 {
            black_box(self.1.base64(content).await?);
        }
        Ok(start.elapsed())
    }
}

/// A request with all media.
#[derive(Clone)]
pub(super) struct Request {
    messages: Arc<[Message]>,
    api: Arc<ApiCapabilities>,
    media: MediaContext,
}

impl Request {
    pub(super) fn new(media: Vec<MediaContent>, loader: MediaLoader) -> Result<Self> {
        let message = media
            .into_iter()
            .fold(UserMessage::from("see"), UserMessage::with_part);
        let api = Capabilities::builtin().api(ApiFormat::OPENAI_CHAT.capability_name());
        Ok(Self {
            messages: [Message::user(message)].into(),
            api: api.ok_or("no capabilities")?,
            media: MediaContext::new(loader, None),
        })
    }

    async fn write(&self) -> Result<RequestBody> {
        let request = ProviderRequest::new(&self.messages);
        let form = ApiFormat::OPENAI_CHAT;
        let body = RequestBody::new(form, "model", &request, &self.api, &self.media).await?;
        if body.omitted_media().is_empty() {
            Ok(body)
        } else {
            Err("media was left out".into())
        }
    }
}

/// Planned and written, no media read.
pub(super) struct Written(pub(super) Request);

#[async_trait]
impl Lane for Written {
    async fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        black_box(self.0.write().await?.len());
        Ok(start.elapsed())
    }
}

/// Planned, written, and read to its end.
pub(super) struct Body(pub(super) Request);

#[async_trait]
impl Lane for Body {
    async fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let body = self.0.write().await?;
        let mut pieces = body.stream();
        let mut seen = 0;
        while let Some(piece) = pieces.try_next().await? {
            seen += black_box(&piece).len() as u64;
        }
        if seen != body.len() {
            return Err("the body has another length".into());
        }
        Ok(start.elapsed())
    }
}
