//! Limits that hold for what is fetched.

use conversation_sdk::{ConversationConfig, PromptPack, Start};
use serde_json::json;

use super::*;

#[tokio::test]
async fn what_is_larger_than_the_loader_takes_stays_a_url_or_is_omitted() {
    let images = Images::start().await;
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let rig = images.rig_with_limit(provider, 4000);
    let mut conversation = rig.start().await;
    let message = UserMessage::from("look")
        .with_part(images.at("a.png"))
        .with_part(images.at("b.png?sig=hush"));
    conversation.send(message).await.unwrap();
    assert!(rig.stored().await.is_empty());
    let messages = conversation.messages(Window::All).await.unwrap();
    let json = serde_json::to_string(&messages[0]).unwrap();
    assert!(json.contains("/a.png") && !json.contains("hush"), "{json}");
    assert_eq!(messages[0].media().count(), 1);
}

#[tokio::test]
async fn a_message_fetches_so_many_urls() {
    let images = Images::start().await;
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let rig = images.rig(provider);
    let mut conversation = rig.start().await;
    let message = (0..40).fold(UserMessage::from("look"), |message, at| {
        message.with_part(images.at(&format!("{at}.png")))
    });
    conversation.send(message).await.unwrap();
    assert_eq!((images.asked().len(), rig.stored().await.len()), (32, 32));
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages[0].media().count(), 40);
}

#[tokio::test]
async fn limits_of_a_prompt_hold_for_what_was_fetched() {
    let pack = json!({"id": "tests", "version": "1.0.0", "prompts": {"p": {
        "system_template": "Be brief.",
        "media": {"enabled": true, "supported_types": ["image"], "image": {"allowed_formats": ["jpeg"]}}}}});
    let pack = PromptPack::from_json(pack.to_string().as_bytes()).unwrap();
    let images = Images::start().await;
    let rig = images.rig(ScriptedProvider::new());
    let config = ConversationConfig::new("p");
    let mut conversation = rig.manager.new_conversation(&pack, config).await.unwrap();
    // It says that it is a JPEG, and is none.
    let url = images.server.url("a.jpg");
    let lying = MediaContent::from_url(Mime::IMAGE_JPEG, url.parse().unwrap());
    let message = UserMessage::from("look").with_part(lying);
    let error = conversation.send(message).await.unwrap_err();
    assert_eq!(error.kind(), Kind::MediaNotAccepted, "{error:?}");
    assert_eq!(images.asked(), ["/a.jpg"]);
    stored(&rig, 0).await;
    assert_eq!(rig.provider.request_count(), 0);
    // Other prompts take it.
    rig.provider.push(ScriptedAnswer::new().text("ok"));
    let mut other = rig.manager.start(Start::new()).await.unwrap();
    let message = UserMessage::from("look").with_part(images.at("a.png"));
    other.send(message).await.unwrap();
    assert_eq!(rig.stored().await.len(), 1);
}
