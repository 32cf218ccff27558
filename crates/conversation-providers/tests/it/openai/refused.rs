//! Servers that refuse media, each in its own way, and errors that only look like it.

use std::sync::Arc;

use conversation_providers::{MemoryPlannerStore, PlannerStore};
use peer::{Act, Peer, Received};

use super::*;

/// The images of a request, by what follows their signature.
fn images_of(received: &Received) -> Vec<String> {
    let body = received.json();
    let messages = body["messages"].as_array().unwrap().iter();
    let parts = messages
        .filter_map(|message| message["content"].as_array())
        .flatten();
    let urls = parts.filter_map(|part| part["image_url"]["url"].as_str());
    urls.map(|url| {
        let (_, text) = url.split_once(',').unwrap();
        let bytes = media_types::base64::decode(text.as_bytes()).unwrap();
        String::from_utf8(bytes[8..].to_vec()).unwrap()
    })
    .collect()
}

fn image(name: &str) -> MediaContent {
    inline_png(name.as_bytes())
}

fn images(names: impl IntoIterator<Item = String>) -> Vec<MediaContent> {
    names.into_iter().map(|name| image(&name)).collect()
}

fn kept() -> Arc<MemoryPlannerStore> {
    Arc::new(MemoryPlannerStore::new())
}

fn with_state(store: &Arc<MemoryPlannerStore>) -> MediaContext {
    no_storage().with_planner_store(Arc::clone(store) as Arc<dyn PlannerStore>)
}

#[tokio::test]
async fn ten_errors_that_only_look_alike_drop_no_image() {
    let error = |text: &str, code: &str| json!({"error": {"message": text, "code": code}});
    let alike = [
        (
            429,
            error(
                "Rate limit reached for images per minute",
                "rate_limit_exceeded",
            ),
        ),
        (
            400,
            error(
                "maximum context length is 8192 tokens; your images use 9000",
                "",
            ),
        ),
        (
            500,
            error("Internal error in the image-service", "server_error"),
        ),
        (
            500,
            error(
                "The server had an error while handling an image request",
                "",
            ),
        ),
        (
            400,
            error(
                "Your image was blocked by the safety system",
                "moderation_blocked",
            ),
        ),
        (
            401,
            error(
                "Invalid key: image input is not supported",
                "invalid_api_key",
            ),
        ),
        (402, error("Images are not supported without credit", "")),
        (
            404,
            error("The model gpt-image-1 does not exist", "model_not_found"),
        ),
        (
            400,
            error(
                "Invalid value for tools[0].function.name: generate_image",
                "",
            ),
        ),
        (503, error("image workers are not available", "")),
    ];
    for (status, body) in &alike {
        let peer = Peer::start((0..3).map(|_| Act::json(*status, body))).await;
        let store = kept();
        let messages = [user_with("see", images((0..3).map(|n| n.to_string())))];
        let provider = provider(&peer).with_max_retries(0);
        ask(&provider, &messages, &with_state(&store))
            .await
            .unwrap_err();
        assert_eq!(peer.received().len(), 1, "{body}");

        let peer = Peer::start([Act::json(200, &hello())]).await;
        let provider = super::provider(&peer);
        let done = ask(&provider, &messages, &with_state(&store))
            .await
            .unwrap();
        assert!(done.omitted_media.is_empty(), "{body}");
        assert_eq!(images_of(&peer.only()).len(), 3);
    }
}

#[tokio::test]
async fn what_the_model_has_seen_is_not_what_it_refuses() {
    let peer = Peer::judging(
        |received| match images_of(received).contains(&"bad".to_owned()) {
            true => Act::json(400, &error_body("", "Could not process image", None)),
            false => Act::json(200, &hello()),
        },
    )
    .await;
    let store = kept();
    let mut messages = vec![user_with("see", images((0..9).map(|n| n.to_string())))];
    ask(&provider(&peer), &messages, &with_state(&store))
        .await
        .unwrap();
    messages.extend([assistant("hello"), user_with("and", [image("bad")])]);
    let done = ask(&provider(&peer), &messages, &with_state(&store))
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 1);
    assert_eq!(peer.received().len(), 3);
    // A process that starts anew does not send it again.
    ask(&provider(&peer), &messages, &with_state(&store))
        .await
        .unwrap();
    assert_eq!(peer.received().len(), 4);
    assert_eq!(images_of(&peer.received()[3]).len(), 9);
}

#[tokio::test]
async fn an_image_that_is_named_in_words_is_the_one_that_goes() {
    for words in [
        "cat.png is broken: invalid image",
        "invalid image at index 1",
    ] {
        let refusal = error_body("", words, None);
        let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &hello())]).await;
        let three = ["dog.png", "cat.png", "cow.png"].map(|name| image(name).with_filename(name));
        let messages = [user_with("see", three)];
        let done = ask(&provider(&peer), &messages, &no_storage())
            .await
            .unwrap();
        assert_eq!(done.omitted_media.len(), 1, "{words}");
        assert_eq!(done.omitted_media[0].name, "cat.png");
    }
}
