//! Requests for images that are refused, or cannot be sent as they are.

use conversation_providers::ProviderErrorKind as Kind;
use conversation_providers::{AttemptBudget, ImageGenerator, ImageRequest, ResponseMode};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _};

use super::images::painted;
use super::peer::{Act, Peer};
use super::*;

fn answer() -> Act {
    Act::json(200, &painted(&[png(b"x")]))
}

fn image(name: &str) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, png(name.as_bytes())).with_filename(name)
}

fn edit(names: &[&str]) -> ImageRequest {
    let names = names.iter();
    names.fold(ImageRequest::new("brighter"), |request, name| {
        request.with_image(image(name))
    })
}

#[tokio::test]
async fn a_model_that_cannot_be_asked_for_images_in_this_way_is_asked_in_another_and_it_is_remembered()
 {
    for (name, asked) in [
        ("stream", 2),
        ("partial_images", 2),
        ("user", 2),
        ("quality", 1),
    ] {
        let refusal = error_body("unknown_parameter", "Unknown parameter", Some(name));
        let peer = Peer::judging(move |received| match received.json().get(name) {
            Some(_) => Act::json(400, &refusal),
            None => answer(),
        })
        .await;
        let images = images(&peer, "gpt-image-2").with_mode(ResponseMode::Streaming);
        let request = || {
            ImageRequest::new("x")
                .with_partial_images(1, |_| {})
                .with_parameter("user", "u")
                .with_quality("low")
        };
        let made = images.generate(request()).await;
        // What an image is to be like is the caller's to say.
        let expected = if asked == 2 {
            Ok(())
        } else {
            Err(Kind::InvalidRequest)
        };
        assert_eq!(
            made.map(|_| ()).map_err(|error| error.kind()),
            expected,
            "{name}"
        );
        assert_eq!(peer.received().len(), asked, "{name}");
        if asked == 2 {
            images.clone().generate(request()).await.unwrap();
            assert_eq!(peer.received().len(), 3, "{name}");
        }
    }
}

#[tokio::test]
async fn an_image_that_is_refused_is_never_left_out_and_refused_at_once_from_then_on() {
    let refusal = error_body(
        "invalid_image_file",
        "The image data is not a valid image",
        Some("image"),
    );
    let peer = Peer::judging(move |received| {
        match received.body.windows(3).any(|window| window == b"bad") {
            true => Act::json(400, &refusal),
            false => answer(),
        }
    })
    .await;
    let images = images(&peer, "gpt-image-2");
    // Which of two it means is not said, so neither is remembered.
    for _ in 0..2 {
        let error = images.generate(edit(&["good", "bad"])).await.unwrap_err();
        assert_eq!(error.kind(), Kind::MediaRefused);
    }
    images.generate(edit(&["good"])).await.unwrap();
    assert_eq!(peer.received().len(), 3);
    for _ in 0..2 {
        let error = images.clone().generate(edit(&["bad"])).await.unwrap_err();
        assert_eq!(error.kind(), Kind::MediaRefused);
        assert_eq!(peer.received().len(), 4);
    }
    let error = images.generate(edit(&["good", "bad"])).await.unwrap_err();
    let reason = "media item 1 was refused within the last hour";
    assert_eq!(
        (error.kind(), error.reason()),
        (Kind::MediaRefused, Some(reason))
    );
    assert_eq!(peer.received().len(), 4);
}

#[tokio::test]
async fn an_error_that_only_mentions_an_image_blames_none() {
    for (status, body) in [
        (500, json!({"error": {"message": "image worker crashed"}})),
        (
            429,
            error_body(
                "rate_limit_exceeded",
                "Rate limit reached for images per minute",
                None,
            ),
        ),
        (
            400,
            error_body(
                "moderation_blocked",
                "The image was rejected by the safety system",
                None,
            ),
        ),
        (
            404,
            error_body("model_not_found", "The image model does not exist", None),
        ),
    ] {
        let peer = Peer::start([Act::json(status, &body), answer()]).await;
        let images = images(&peer, "gpt-image-2").with_max_retries(0);
        let error = images.generate(edit(&["a"])).await.unwrap_err();
        assert_ne!(error.kind(), Kind::MediaRefused, "{body}");
        images.generate(edit(&["a"])).await.unwrap();
        assert_eq!(peer.received().len(), 2, "{body}");
    }
}

#[tokio::test]
async fn an_image_that_is_of_another_type_than_was_said_goes_out_as_what_it_is() {
    let store = InMemoryStorage::new();
    let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"\xff\xd8\xff\xe0 and so on"[..]);
    let reference = store
        .store_media(&inline, MediaMetadata::new())
        .await
        .unwrap();
    let stored = MediaContent::from_reference(Mime::IMAGE_PNG, reference).with_filename("a");
    let peer = Peer::start([answer(), answer()]).await;
    let request = ImageRequest::new("x")
        .with_image(stored)
        .with_media(over(Arc::new(store)));
    images(&peer, "gpt-image-2")
        .generate(request)
        .await
        .unwrap();
    let body = peer.last().body;
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    assert!(
        text.contains("filename=\"a\"\r\nContent-Type: image/jpeg"),
        "{text}"
    );
}

#[tokio::test]
async fn images_that_nobody_waits_for_any_more_count_against_the_budget() {
    let peer = Peer::start([Act::Hang]).await;
    let budget = AttemptBudget::new(3);
    let images = images(&peer, "gpt-image-2");
    let request = ImageRequest::new("a long prompt").with_budget(budget.clone());
    tokio::select! {
        made = images.generate(request) => panic!("{made:?}"),
        () = peer.arrival() => {}
    }
    let (usage, cost) = budget.take_abandoned().unwrap();
    assert!(usage.input_tokens > 0 && cost.is_some());
}

#[tokio::test]
async fn only_what_a_gateway_asks_for_is_sent_again() {
    let gone = |advice: Option<&'static str>| {
        let advice = advice.map(|advice| ("x-should-retry", advice));
        Act::reply(502, advice.as_slice(), "{}")
    };
    for (advice, failure) in [
        (Some("true"), None),
        (Some("false"), Some(Kind::Server)),
        (None, Some(Kind::Server)),
    ] {
        let peer = Peer::start([gone(advice), answer()]).await;
        let images = images(&peer, "gpt-image-2");
        let made = images.generate(ImageRequest::new("x")).await;
        assert_eq!(made.err().map(|error| error.kind()), failure);
    }
}
