//! Media that the provider refuses is left out, once.

use conversation_providers::ProviderErrorKind as Kind;
use conversation_providers::{MemoryPlannerStore, PlannerStore};
use conversation_types::OmissionReason;
use media_types::base64;

use super::media::picture_of;
use super::peer::{Act, Peer};
use super::*;

#[tokio::test]
async fn media_that_is_refused_is_replaced_once_and_remembered() {
    let refusal = error_body(
        "image_parse_error",
        "The image data you provided does not represent a valid image.",
        Some("messages.[1].content.[2].image_url"),
    );
    let acts = [
        Act::json(400, &refusal),
        Act::json(200, &hello()),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let bad = inline_png(b"bad").with_filename("bad.png");
    let messages = [user_with("see", [inline_png(b"good"), bad])];
    for _ in 0..2 {
        let request = ProviderRequest::new(&messages).with_system(Some("sys"));
        let done = answer(&provider, request, &no_storage()).await.unwrap();
        assert_eq!(done.omitted_media.len(), 1);
        assert_eq!(done.omitted_media[0].name, "bad.png");
        assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
    }
    let received = peer.received();
    assert_eq!(received.len(), 3);
    for sent in &received[1..] {
        assert_eq!(picture_of(&sent.json(), 1, 1), png(b"good"));
        assert_eq!(sent.json()["messages"][1]["content"][2]["type"], "text");
    }
}

#[tokio::test]
async fn media_that_is_refused_again_and_again_ends_the_call() {
    let refusal = error_body(
        "invalid_image_format",
        "You uploaded an unsupported image.",
        None,
    );
    let peer = Peer::start((0..5).map(|_| Act::json(400, &refusal))).await;
    let messages = [user_with("see", [inline_png(b"1"), inline_png(b"2")])];
    let error = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap_err();
    // Without the older one, then without the one that was left.
    assert_eq!(peer.received().len(), 3);
    // Without media there is nothing to refuse but the request.
    assert_eq!(error.kind(), Kind::InvalidRequest);
}

#[tokio::test]
async fn a_model_that_takes_no_pictures_gets_none() {
    let refusal = |part: usize| {
        let param = format!("messages.[0].content.[{part}].type");
        let message = "Invalid content type. image_url is only supported by certain models.";
        Act::json(400, &error_body("invalid_value", message, Some(&param)))
    };
    let peer = Peer::start([refusal(1), Act::json(200, &hello())]).await;
    let pictures = [inline_png(b"1"), inline_png(b"2"), inline_png(b"3")];
    let messages = [user_with("see", pictures)];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 3);
}

#[tokio::test]
async fn one_picture_of_a_type_that_is_not_taken_leaves_the_others() {
    let named = "messages.[0].content.[2].image_url";
    for (message, param) in [
        ("Unsupported image.", Some(named)),
        ("Unsupported image type: image/tiff", Some(named)),
        ("Unsupported image type: image/tiff", None),
        ("HEIC images are not supported", None),
    ] {
        let bad = base64::encode(&png(b"bad"));
        let peer =
            Peer::judging(
                move |received| match received.json().to_string().contains(&bad) {
                    true => Act::json(400, &error_body("invalid_value", message, param)),
                    false => Act::json(200, &hello()),
                },
            )
            .await;
        let provider = provider(&peer);
        let store = Arc::new(MemoryPlannerStore::new());
        let media = no_storage().with_planner_store(store as Arc<dyn PlannerStore>);
        let messages = [user_with("see", [inline_png(b"good"), inline_png(b"bad")])];
        let done = ask(&provider, &messages, &media).await.unwrap();
        // One that is not named is searched for.
        let most = if param.is_some() { 1 } else { 2 };
        assert!(done.omitted_media.len() <= most, "{message} {param:?}");
        let done = ask(&provider, &messages, &media).await.unwrap();
        assert_eq!(done.omitted_media.len(), 1, "{message} {param:?}");
        // Neither this conversation nor another one that asks the same model loses its images.
        let others = [user_with("see", [inline_png(b"other")])];
        for media in [&media, &no_storage()] {
            let done = ask(&provider, &others, media).await.unwrap();
            assert!(done.omitted_media.is_empty(), "{message} {param:?}");
        }
    }
}

#[tokio::test]
async fn an_error_about_something_else_blames_no_picture() {
    let message = "Invalid 'tools[0].function.name': 'image generator' does not match.";
    let refusal = error_body("invalid_value", message, Some("tools[0].function.name"));
    let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &hello())]).await;
    let messages = [user_with("see", [inline_png(b"1")])];
    let error = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidRequest);
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_sent_without_its_largest_item() {
    let acts = [
        Act::reply(413, &[], "<html>too large</html>"),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let messages = [user_with(
        "see",
        [inline_png(&[0; 100]), inline_png(&[0; 5000])],
    )];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 1);
    assert_eq!(done.omitted_media[0].reason, OmissionReason::TooLarge);
    assert_eq!(picture_of(&peer.received()[1].json(), 0, 1), png(&[0; 100]));
}
