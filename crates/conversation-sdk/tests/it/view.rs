//! Views for frontends.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, PartView, Role, StateStore, ViewOptions, Window,
};
use media_storage::{
    InMemoryStorage, MediaStorage, RetrieveOptions, SignedUrl, SignedUrlOptions, StorageError,
    UrlSigner,
};
use media_types::{MediaUrl, StorageReference};

use crate::support::{KIB, Rig, image};

/// A store that signs URLs for what the expected scope may see.
#[derive(Clone, Debug)]
pub(crate) struct Signing(pub(crate) InMemoryStorage);

#[async_trait]
impl MediaStorage for Signing {
    media_storage::forward_storage!(
        self => self.0;
        backend, store, retrieve_opts, delete_opts, inventory,
    );

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(self)
    }
}

#[async_trait]
impl UrlSigner for Signing {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let scope = options.expected_scope().unwrap().clone();
        let head = RetrieveOptions::new()
            .with_head()
            .with_expected_scope(scope);
        self.0.retrieve_opts(reference, head).await?;
        let url = MediaUrl::new(format!("https://media.example/{}?sig=x", reference.id())).unwrap();
        Ok(SignedUrl::new(url, Utc::now() + options.validity()))
    }
}

fn provider() -> ScriptedProvider {
    ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().reasoning("hmm").text("one"))
        .with_answer(ScriptedAnswer::new().text("two"))
}

#[tokio::test]
async fn a_view_has_urls_that_expire_and_a_cursor() {
    let rig = Rig::with(provider(), |builder| {
        builder.with_media_storage(Signing(InMemoryStorage::new()))
    });
    let mut conversation = rig.start().await;
    conversation
        .send_with_media("look", [image(1, 200 * KIB)])
        .await
        .unwrap();
    conversation.send("more").await.unwrap();
    let options = ViewOptions::new().with_url_validity(Duration::from_secs(60));
    let view = conversation
        .view(Window::NewestMessages(2), &options)
        .await
        .unwrap();
    assert_eq!(view.messages[0].parts, [PartView::Text("more".to_owned())]);
    let cursor = view.cursor.unwrap();
    let view = conversation
        .view_before(&cursor, 10, &options)
        .await
        .unwrap();
    assert_eq!((view.messages.len(), view.cursor.as_deref()), (2, None));
    let json = serde_json::to_value(&view).unwrap();
    let message = &json["messages"][0];
    assert_eq!(message["role"], "user");
    assert_eq!(message["turn_status"], "complete");
    let media = &message["parts"][1];
    assert_eq!(
        (&media["type"], &media["mime_type"]),
        (&"media".into(), &"image/png".into())
    );
    assert!(
        media["url"]
            .as_str()
            .unwrap()
            .starts_with("https://media.example/")
    );
    assert!(media["url_expires_at"].is_string());
    assert_eq!(json["messages"][1]["parts"].as_array().unwrap().len(), 1);
    assert!(!format!("{view:?}").contains("sig="));
    let shown = ViewOptions::new().with_reasoning(true);
    let view = conversation
        .view(Window::Range(1..2), &shown)
        .await
        .unwrap();
    assert_eq!(
        view.messages[0].parts[0],
        PartView::Reasoning("hmm".to_owned())
    );
    for edited in ["", "before-", "before--1", "x"] {
        let error = conversation
            .view_before(edited, 1, &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput);
    }
}

#[tokio::test]
async fn a_store_that_signs_nothing_gives_media_without_urls() {
    let rig = Rig::new(provider());
    let mut conversation = rig.start().await;
    conversation
        .send_with_media("look", [image(1, 200 * KIB)])
        .await
        .unwrap();
    let view = conversation
        .view(Window::All, &ViewOptions::new())
        .await
        .unwrap();
    assert_eq!(view.messages[0].role, Role::User);
    assert!(matches!(
        view.messages[0].parts[1],
        PartView::Media { url: None, .. }
    ));
}

#[tokio::test]
async fn a_handle_reads_nothing_of_a_conversation_that_is_being_deleted() {
    let rig = Rig::new(provider());
    let mut conversation = rig.start().await;
    conversation.send("look").await.unwrap();
    let keep = Duration::from_secs(3600);
    rig.state.tombstone(conversation.id(), keep).await.unwrap();
    let options = ViewOptions::new();
    let read = [
        conversation.messages(Window::All).await.map(drop),
        conversation.record().await.map(drop),
        conversation.view(Window::All, &options).await.map(drop),
    ];
    for read in read {
        assert_eq!(read.unwrap_err().kind(), Kind::NotFound);
    }
}
