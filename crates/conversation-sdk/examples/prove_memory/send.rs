//! Many stored images in one request.

use std::sync::Arc;

use conversation_sdk::providers::Capabilities;
use conversation_sdk::{
    MediaContext, Message, OpenAiProvider, Provider, ProviderRequest, ResponseEvent, UserMessage,
};
use futures_util::StreamExt;
use media_loader::MediaLoader;
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime, StorageReference};

use crate::measure::Idle;
use crate::peer::Peer;
use crate::{Result, fill};

const BOUND_MIB: u64 = 16;
const SIZE: usize = 5_000_000;

pub(crate) async fn run(short: bool) -> Result<bool> {
    let count = if short { 20 } else { 200 };
    let dir = tempfile::tempdir()?;
    let references = fill::in_child(dir.path(), count, SIZE)?;
    let mut peer = Peer::start()?;

    let store = FileStore::open(dir.path()).await?;
    let loader = MediaLoader::builder().with_storage(Arc::new(store)).build();
    let media = MediaContext::new(loader, None);
    // More than the real service takes in one request.
    let capabilities = Capabilities::from_json(
        r#"{"format_version":1,"revised":"none","apis":{"openai.chat":{
            "media":[{"mime":["image/*"],"forms":["base64"]}]}}}"#,
    )?;
    let provider = OpenAiProvider::new("key", "gpt-4o")
        .with_base_url(format!("http://{}/v1", peer.address))
        .with_capabilities(&capabilities);

    // One makes the client and its connection.
    ask(&provider, &media, &references[..1]).await?;
    peer.received()?;
    let idle = Idle::now()?;
    ask(&provider, &media, &references).await?;
    let sent = peer.received()?;
    let least = count as u64 * SIZE as u64 / 3 * 4;
    if sent < least {
        return Err(format!("{sent} bytes arrived where at least {least} were to").into());
    }
    let what = format!("send: {count} stored images of 5 MB in one request of {sent} bytes");
    idle.judge(&what, BOUND_MIB)
}

async fn ask(
    provider: &OpenAiProvider,
    media: &MediaContext,
    references: &[StorageReference],
) -> Result<()> {
    let mut message = UserMessage::from("What do you see?");
    for reference in references {
        let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone());
        message = message.with_part(content);
    }
    let messages = [Message::user(message)];
    let reply = provider
        .complete(ProviderRequest::new(&messages), media)
        .await?;
    let mut events = reply.into_events();
    while let Some(event) = events.next().await {
        if let ResponseEvent::Done(done) = event?
            && let Some(note) = done.omitted_media.first()
        {
            return Err(format!("an image was not sent: {note}").into());
        }
    }
    Ok(())
}
