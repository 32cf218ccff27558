//! The images endpoint.

use std::sync::{Arc, Mutex};

use conversation_providers::{GeneratedImages, ImageGenerator, ImageRequest, ResponseMode};
use conversation_providers::{ProviderErrorKind as Kind, TimeoutPhase};
use media_types::{MediaSource, base64};

use super::peer::{Act, Peer, head};
use super::*;

fn golden(name: &str) -> Value {
    let path = format!(
        "{}/tests/golden/openai/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(super) fn painted(pictures: &[Vec<u8>]) -> Value {
    let data: Vec<Value> = pictures
        .iter()
        .map(|picture| json!({"b64_json": base64::encode(picture)}))
        .collect();
    json!({
        "created": 1, "background": "opaque", "output_format": "png", "quality": "medium", "size": "1024x1024",
        "usage": {"input_tokens": 10, "output_tokens": 1_000_000, "total_tokens": 1_000_010,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 1_000_000}},
        "data": data
    })
}

#[tokio::test]
async fn bodies_are_those_of_the_official_client() {
    let answer = || Act::json(200, &painted(&[png(b"x")]));
    let peer = Peer::start([answer(), answer(), answer()]).await;
    let gpt = images(&peer, "gpt-image-1").with_parameter("output_format", "png");
    let request = ImageRequest::new("a cat")
        .with_count(1)
        .with_size("1024x1024");
    gpt.generate(request).await.unwrap();
    let older = images(&peer, "dall-e-3").with_parameter("response_format", "b64_json");
    older.generate(ImageRequest::new("a cat")).await.unwrap();
    // Each family refuses what is the other's.
    let request = ImageRequest::new("a cat")
        .with_parameter("response_format", "url")
        .with_parameter("style", "vivid")
        .with_parameter("stream", true)
        .with_quality("low");
    images(&peer, "gpt-image-1-mini")
        .generate(request)
        .await
        .unwrap();

    let received = peer.received();
    assert_eq!(received[0].line, "POST /v1/images/generations HTTP/1.1");
    assert_eq!(received[0].json(), golden("images_gpt-image-1")["body"]);
    assert_eq!(received[1].json(), golden("images_dall-e-3")["body"]);
    assert_eq!(
        received[2].json(),
        json!({"model": "gpt-image-1-mini", "prompt": "a cat", "quality": "low"})
    );
    assert_eq!(
        received[2].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
}

#[tokio::test]
async fn bodies_of_newer_models_are_those_of_the_official_client() {
    let model = "gpt-image-2.6-sunburst";
    let whole = Act::json(200, &painted(&[png(b"x")]));
    let event =
        json!({"type": "image_generation.completed", "b64_json": base64::encode(&png(b"x"))});
    let peer = Peer::start([whole, Act::events(&format!("data: {event}\n\n"), 50)]).await;
    let request = ImageRequest::new("a cat")
        .with_count(1)
        .with_size("1536x864")
        .with_quality("high")
        .with_parameter("background", "opaque")
        .with_parameter("moderation", "low")
        .with_parameter("output_format", "webp");
    images(&peer, model).generate(request).await.unwrap();
    let request = ImageRequest::new("a cat").with_partial_images(2, |_| {});
    let streaming = images(&peer, model).with_mode(ResponseMode::Streaming);
    streaming.generate(request).await.unwrap();
    let received = peer.received();
    assert_eq!(received[0].json(), golden("images_generate")["body"]);
    assert_eq!(received[1].json(), golden("images_generate_stream")["body"]);
    for sent in received {
        super::contract::conforms("CreateImageRequest", &sent.json());
    }
}

#[tokio::test]
async fn pictures_arrive_byte_for_byte_however_the_answer_is_cut() {
    let pictures: Vec<Vec<u8>> = [0, 1, 2, 100_003]
        .map(|size| png(&(0..size).map(|n| (n % 253) as u8).collect::<Vec<_>>()))
        .into();
    let body = painted(&pictures).to_string();
    for size in [1000, 4097, usize::MAX] {
        let pieces = body
            .as_bytes()
            .chunks(size.min(body.len()))
            .map(<[u8]>::to_vec);
        let head = head(200, &[], Some(body.len()), "application/json").into_bytes();
        let peer = Peer::start([Act::Send(std::iter::once(head).chain(pieces).collect())]).await;
        let made = images(&peer, "gpt-image-1-mini")
            .generate(ImageRequest::new("x"))
            .await
            .unwrap();
        let found: Vec<&[u8]> = made
            .images
            .iter()
            .map(|i| i.inline().unwrap().as_ref())
            .collect();
        assert!(found == pictures, "{size}");
        assert_eq!(made.usage.unwrap().images, 4);
        // 10 tokens of words at 2 dollars a million, a million tokens of pictures at 8.
        assert!((made.cost.unwrap().usd() - 8.00002).abs() < 1e-9);
    }
}

#[tokio::test]
async fn urls_stay_urls() {
    let answer = json!({"created": 1, "data": [{"url": "https://files.example/a.png?sig=secret", "revised_prompt": "a black cat"}]});
    let peer = Peer::start([Act::json(200, &answer)]).await;
    let made = images(&peer, "dall-e-3")
        .generate(ImageRequest::new("x"))
        .await
        .unwrap();
    assert!(matches!(made.images[0].source(), MediaSource::Url(_)));
    assert_eq!(made.images[0].caption(), Some("a black cat"));
    assert!(made.usage.is_none() && made.cost.is_none());
    assert!(!format!("{made:?}").contains("secret"));
}

#[tokio::test]
async fn failures_are_typed_and_tried_again_where_that_helps() {
    let refusal = error_body("moderation_blocked", "Your request was rejected", None);
    let cut = painted(&[png(&[0; 1000])]).to_string();
    let cut = vec![
        [
            head(200, &[], Some(cut.len()), "application/json").as_bytes(),
            &cut.as_bytes()[..500],
        ]
        .concat(),
    ];
    for (acts, outcome, requests) in [
        (vec![Act::json(400, &refusal)], Err(Kind::Refused), 1),
        (
            vec![Act::json(401, &json!({}))],
            Err(Kind::Authentication),
            1,
        ),
        (
            vec![
                Act::reply(429, &[("retry-after-ms", "1")], "{}"),
                Act::reply(503, &[], "unavailable"),
                Act::json(200, &painted(&[png(b"x")])),
            ],
            Ok(()),
            3,
        ),
        (
            vec![
                Act::reply(408, &[], "{}"),
                Act::json(200, &painted(&[png(b"x")])),
            ],
            Ok(()),
            2,
        ),
        // What may have been made is not asked for again: it is billed each time.
        (vec![Act::Send(cut)], Err(Kind::Interrupted), 1),
        (vec![Act::Close], Err(Kind::Interrupted), 1),
        (
            vec![Act::reply(200, &[], "{\"data\":[]}")],
            Err(Kind::InvalidResponse),
            1,
        ),
        (
            vec![
                Act::json(200, &json!({"error": {"message": "m", "code": 503}})),
                Act::json(200, &painted(&[png(b"x")])),
            ],
            Ok(()),
            2,
        ),
    ] {
        let peer = Peer::start(acts).await;
        let made = images(&peer, "gpt-image-1-mini")
            .generate(ImageRequest::new("x"))
            .await;
        assert_eq!(made.map(|_| ()).map_err(|error| error.kind()), outcome);
        assert_eq!(peer.received().len(), requests);
    }
}

#[tokio::test]
async fn pictures_that_do_not_come_in_time_are_not_asked_for_again() {
    let peer = Peer::start([Act::Hang]).await;
    let images = images(&peer, "gpt-image-1-mini");
    let made = images.generate(ImageRequest::new("x"));
    let error = peer.outlast(made, peer::LONG).await.unwrap_err();
    let phase = TimeoutPhase::BeforeFirstByte;
    assert_eq!(error.kind(), Kind::Timeout(phase));
    assert!(error.usage().is_some());
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn pictures_that_are_too_large_are_refused_exactly() {
    for (limit, fits) in [(108, true), (107, false)] {
        let peer = Peer::start([Act::json(200, &painted(&[png(&[0; 100])]))]).await;
        let bounded = images(&peer, "gpt-image-1-mini").with_max_answer_bytes(limit);
        let made = bounded.generate(ImageRequest::new("x")).await;
        assert_eq!(
            made.map(|_| ()).map_err(|error| error.kind()),
            if fits {
                Ok(())
            } else {
                Err(Kind::InvalidResponse)
            }
        );
    }
}

#[tokio::test]
async fn an_edit_is_that_of_the_official_client() {
    let golden = golden("images_edit_two_and_mask");
    let recorded = base64::decode(golden["body_base64"].as_str().unwrap().as_bytes()).unwrap();
    let kind = golden["headers"]["content-type"].as_str().unwrap();
    // Parts in any order, without the boundary.
    let parts = |body: &[u8], kind: &str| {
        let boundary = kind.split_once("boundary=").unwrap().1;
        // Each byte as a character, so that images stay what they are.
        let text: String = body.iter().map(|byte| char::from(*byte)).collect();
        let mark = format!("--{boundary}");
        let parts = text.split(&mark).map(str::to_owned);
        let mut parts: Vec<String> = parts.collect();
        parts.sort();
        parts
    };
    let expected = parts(&recorded, kind);
    let image = |name: &str| {
        let part = expected
            .iter()
            .find(|part| part.contains(&format!("filename=\"{name}\"")));
        let (_, body) = part.unwrap().split_once("\r\n\r\n").unwrap();
        let body = body.strip_suffix("\r\n").unwrap();
        let bytes: Vec<u8> = body.chars().map(|c| u8::try_from(c).unwrap()).collect();
        MediaContent::from_bytes(Mime::IMAGE_PNG, bytes).with_filename(name)
    };
    // Both are answers that the official clients read.
    let whole = include_str!("../../golden/openai/images.answer.json");
    let stream = include_str!("../../golden/openai/images_edit_stream.answer.sse");
    let peer = Peer::start([Act::reply(200, &[], whole), Act::events(stream, 20)]).await;
    let request = || {
        ImageRequest::new("x")
            .with_parameter("input_fidelity", "low")
            .with_image(image("a.png"))
            .with_image(image("b.png"))
            .with_mask(image("m.png"))
    };
    let generator = images(&peer, "gpt-image-2.5-flare");
    let made = generator.generate(request()).await.unwrap();
    let whole: Value = serde_json::from_str(whole).unwrap();
    let pictures = [0, 1].map(|at| {
        let text = whole["data"][at]["b64_json"].as_str().unwrap();
        base64::decode(text.as_bytes()).unwrap()
    });
    let bytes = |made: &GeneratedImages| -> Vec<Vec<u8>> {
        let images = made.images.iter();
        images
            .map(|image| image.inline().unwrap().to_vec())
            .collect()
    };
    assert_eq!(bytes(&made), pictures);
    let usage = made.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.images),
        (10, 20, 2)
    );
    let sent = peer.only();
    assert_eq!(sent.line, "POST /v1/images/edits HTTP/1.1");
    let sent_kind = sent.header("content-type").unwrap().to_owned();
    assert_eq!(parts(&sent.body, &sent_kind), expected);
    let streaming = generator.with_mode(ResponseMode::Streaming);
    let previews = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&previews);
    let request = request().with_partial_images(1, move |image| {
        seen.lock().unwrap().push(image.bytes.to_vec());
    });
    let made = streaming.generate(request).await.unwrap();
    assert_eq!(bytes(&made), pictures[1..]);
    assert_eq!(*previews.lock().unwrap(), pictures[..1]);
}
