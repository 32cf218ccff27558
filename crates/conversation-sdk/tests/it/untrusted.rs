//! What users and clients may not choose.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use async_trait::async_trait;
use conversation_sdk::provider::{Completion, ProviderRequest, Reply};
use conversation_sdk::{
    ConversationConfig, ConversationManager, MediaContext, Message, Part, Provider, ProviderError,
    TurnEvent, UserMessage,
};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt, Scope};
use media_types::{MediaContent, Mime, StorageReference};

use crate::receive::{Spools, paint};
use crate::support::{KIB, Scripted, config, pack, picture_bytes, stored};

/// Paints where it is asked to, and looks at everything else by script.
#[derive(Clone, Debug)]
struct Paints(Scripted);

#[async_trait]
impl Provider for Paints {
    fn name(&self) -> &str {
        "paints"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let last = request
            .messages
            .last()
            .and_then(|message| message.content.first());
        if last.and_then(Part::as_text) != Some("paint") {
            return self.0.respond(request, media).await;
        }
        let content = paint(media.receiver(), 7, 300 * KIB).await;
        Ok(Reply::whole(Completion::new(vec![content.into()])))
    }
}

/// Everything that a user may name and must not get: media of others, stored and received, files
/// of this machine, and addresses that this machine would fetch.
#[tokio::test]
async fn a_user_gets_nothing_that_is_not_theirs() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let scripted = Scripted::new();
    let manager = ConversationManager::builder()
        .with_provider(Paints(scripted.clone()))
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let of_another = MediaMetadata::new()
        .with_conversation("conv-0".parse().unwrap())
        .with_user("user-1".parse().unwrap());
    let theirs = store
        .store_bytes(Mime::IMAGE_PNG, picture_bytes(1, 1000), of_another)
        .await
        .unwrap();
    let mut painting = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut events = painting.stream("paint");
    let received = loop {
        match events.next().await.unwrap().unwrap() {
            TurnEvent::Media(content) => break content,
            _ => continue,
        }
    };
    assert_eq!(received.reference().unwrap().backend(), "received");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), picture_bytes(3, 1000)).unwrap();
    let forged = |backend: &str, id: &str| {
        let reference = StorageReference::builder(backend, id).build().unwrap();
        MediaContent::from_reference(Mime::IMAGE_PNG, reference)
    };
    let url = |url: &str| MediaContent::from_url(Mime::AUDIO_WAV, url.parse().unwrap());
    let bad = [
        MediaContent::from_reference(Mime::IMAGE_PNG, theirs.clone()),
        received.clone(),
        forged("received", received.reference().unwrap().id()),
        forged("received", "../x"),
        forged("memory", theirs.id()),
        forged("file", "../../etc/passwd"),
        MediaContent::from_path(Mime::IMAGE_PNG, file.path()),
        url("http://169.254.169.254/latest/meta-data"),
        url("https://127.0.0.1/a.wav"),
        url("https://example.com/a.wav"),
    ];
    let user = ConversationConfig::new("p").with_user("user-2");
    for content in bad {
        let mut other = manager
            .new_conversation(&pack(), user.clone())
            .await
            .unwrap();
        let message = UserMessage::new()
            .with_part("look")
            .with_part(content.clone());
        // As a message, and again as a part of the history.
        for words in [message, "and now?".into()] {
            other.send(words).await.unwrap();
            let media = scripted.last().media;
            assert_eq!(media.len(), 1);
            assert!(media.iter().all(Result::is_err), "{content:?}: {media:?}");
        }
        let scope = Scope::User("user-2".parse().unwrap());
        assert!(stored(&store, scope).await.is_empty(), "{content:?}");
        manager.delete_conversation(other.id()).await.unwrap();
    }
    assert!(store.retrieve_bytes(&theirs, u64::MAX).await.is_ok());
    // The turn that was read all along goes on as if nothing had been.
    let response = events.finish().await.unwrap();
    let reference = response.media()[0].reference().unwrap();
    let kept = store.retrieve_bytes(reference, u64::MAX).await.unwrap();
    assert!(kept == picture_bytes(7, 300 * KIB));
    spools.assert_empty();
}

/// The same in what a model answers, since its words can be a user's.
#[tokio::test]
async fn a_model_names_no_media_of_other_turns() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let scripted = Scripted::new();
    let manager = ConversationManager::builder()
        .with_provider(Paints(scripted.clone()))
        .with_media_storage(store.clone())
        .with_config(spools.config().with_media_size_threshold_kb(0))
        .build()
        .unwrap();
    let mut painting = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut events = painting.stream("paint");
    let received = loop {
        if let TurnEvent::Media(content) = events.next().await.unwrap().unwrap() {
            break content;
        }
    };
    let answer: Vec<Part> = vec![received.into()];
    let scripted = scripted.then_says(Completion::new(answer));
    let mut other = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = other.send("show").await.unwrap();
    let named: Vec<&MediaContent> = response
        .messages()
        .iter()
        .flat_map(Message::media)
        .collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].reference().unwrap().backend(), "received");
    assert!(
        manager.media_loader().open(named[0]).await.is_ok(),
        "the turn goes on"
    );
    drop(events);
    // What the turn was doing when it was dropped, it does to its end.
    painting.flush().await.unwrap();
    assert!(manager.media_loader().open(named[0]).await.is_err());
    other.send("again").await.unwrap();
    assert!(scripted.last().media.iter().all(Result::is_err));
    let scope = Scope::Conversation(other.id().clone());
    assert!(
        stored(&store, scope).await.is_empty(),
        "it is of another turn"
    );
    spools.assert_empty();
}
