//! Streamed images whose answer is cut.

use std::sync::{Arc, Mutex};

use conversation_providers::ProviderErrorKind as Kind;
use conversation_providers::{GeneratedImages, ImageGenerator, ImageRequest, ResponseMode};
use media_types::base64;

use super::peer::{Act, Peer, head};
use super::*;
use crate::asking::cuts;

/// What the official client was seen to accept.
const STREAM: &str = include_str!("../../golden/openai/images_stream.answer.sse");

/// The pictures of events of a kind that are whole.
fn pictures(stream: &str, kind: &str) -> Vec<Vec<u8>> {
    let (whole, _) = stream.rsplit_once("\n\n").unwrap_or_default();
    whole
        .split("\n\n")
        .filter_map(|event| {
            let (_, data) = event.split_once("data: ")?;
            let data: Value = serde_json::from_str(data).ok()?;
            let is_asked = data["type"].as_str()?.ends_with(kind);
            let bytes = base64::decode(data["b64_json"].as_str()?.as_bytes()).unwrap();
            is_asked.then_some(bytes)
        })
        .collect()
}

fn bytes(made: &GeneratedImages) -> Vec<Vec<u8>> {
    let images = made.images.iter();
    images
        .map(|image| image.inline().unwrap().to_vec())
        .collect()
}

async fn paint(peer: &Peer, count: u32) -> Result<GeneratedImages, ProviderError> {
    let images = images(peer, "gpt-image-2.6-sunburst").with_mode(ResponseMode::Streaming);
    let request = ImageRequest::new("x").with_count(count);
    images.generate(request).await
}

#[tokio::test]
async fn the_recorded_stream_is_read_whole_however_it_is_cut_into_pieces() {
    if let Some(folder) = std::env::var_os("CONTRACT_DATA") {
        let path = std::path::Path::new(&folder).join("golden/openai_images_stream.answer.sse");
        assert_eq!(std::fs::read_to_string(path).unwrap(), STREAM);
    }
    for size in [1, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(STREAM, size)]).await;
        let previews = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&previews);
        let request = ImageRequest::new("x").with_partial_images(1, move |image| {
            seen.lock()
                .unwrap()
                .push((image.index, image.bytes.to_vec()));
        });
        let streaming = images(&peer, "gpt-image-2.6-sunburst").with_mode(ResponseMode::Streaming);
        let made = streaming.generate(request).await.unwrap();
        assert_eq!(bytes(&made), pictures(STREAM, ".completed"), "{size}");
        assert_eq!(made.images[0].mime(), &Mime::IMAGE_PNG);
        assert_eq!(made.incomplete, None);
        let usage = made.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.images),
            (1, 2, 1)
        );
        let previews = std::mem::take(&mut *previews.lock().unwrap());
        let expected = pictures(STREAM, ".partial_image").into_iter();
        assert!(
            previews
                .into_iter()
                .eq(expected.map(|picture| (0, picture)))
        );
    }
}

#[tokio::test]
async fn pictures_that_were_complete_before_a_cut_are_kept() {
    // Three images, each after a preview.
    let stream = STREAM.repeat(3);
    for is_broken in [false, true] {
        // A length that is not reached breaks the connection; without one it closes.
        let len = is_broken.then_some(stream.len());
        let start = head(200, &[], len, "text/event-stream").into_bytes();
        let acts = cuts(stream.len())
            .map(|cut| Act::Send(vec![[&start, &stream.as_bytes()[..cut]].concat()]));
        let peer = Peer::start(acts).await;
        for cut in cuts(stream.len()) {
            let expected = pictures(&stream[..cut], ".completed");
            match paint(&peer, 3).await {
                Ok(made) => {
                    assert_eq!(bytes(&made), expected, "{cut}");
                    let is_whole = made.images.len() == 3;
                    let why = (!is_whole).then_some(Kind::Interrupted);
                    assert_eq!(made.incomplete, why, "{cut}");
                    assert_eq!(made.usage.unwrap().images, made.images.len() as u64);
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Interrupted, "{cut}");
                    assert!(expected.is_empty(), "{cut}");
                    assert!(error.usage().is_some());
                }
            }
        }
        // None is asked for again: it was paid for.
        assert_eq!(peer.received().len(), cuts(stream.len()).count());
    }
}

#[tokio::test]
async fn what_follows_complete_pictures_does_not_take_them_back() {
    let refused = "data: {\"type\":\"error\",\"error\":{\"type\":\"server_error\",\"code\":503,\"message\":\"m\"}}\n\n";
    let broken = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"**\"}\n\n";
    for (rest, why) in [(refused, Kind::Overloaded), (broken, Kind::InvalidResponse)] {
        let peer = Peer::start([Act::events(&format!("{STREAM}{rest}"), 100)]).await;
        let made = paint(&peer, 2).await.unwrap();
        assert_eq!(bytes(&made), pictures(STREAM, ".completed"));
        assert_eq!(made.incomplete, Some(why));
        assert_eq!(peer.received().len(), 1);
    }
}
