use media_types::{Mime, base64};
use serde_json::{Value, json};

use super::*;
use crate::answer::extractor::ExtractError;
use crate::answer::path::Step::{Each, Key};

const GEMINI: DecodeLimits = DecodeLimits {
    paths: &[&[
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inlineData"),
        Key("data"),
    ]],
    max_json: 1000,
    max_media: 1000,
};

fn event(text: &str, media: &[u8]) -> Value {
    json!({"candidates": [{"content": {"parts": [
        {"text": text}, {"inlineData": {"mimeType": "image/png", "data": base64::encode(media)}}
    ]}}]})
}

async fn read(stream: &str, size: usize) -> Result<Vec<(Value, Vec<u8>)>, DecodeError> {
    let mut decoder = EventDecoder::new(GEMINI, &MediaSink::in_memory());
    let mut events = Vec::new();
    for mut chunk in stream.as_bytes().chunks(size) {
        while let Some(mut decoded) = decoder.next(&mut chunk).await? {
            let writer = decoded.take_media("0");
            assert!(decoded.take_media("0").is_none() && decoded.take_media("1").is_none());
            let bytes = match writer {
                Some(writer) => {
                    let content = writer.finish(&Mime::IMAGE_PNG).await.unwrap();
                    content.inline().unwrap().to_vec()
                }
                None => Vec::new(),
            };
            events.push((serde_json::from_slice(&decoded.json).unwrap(), bytes));
        }
    }
    assert!(decoder.is_between_events());
    Ok(events)
}

#[tokio::test]
async fn media_of_every_event_is_received() {
    let stream = format!(
        "data: {}\n\n: wait\n\ndata: {}\r\n\r\ndata: {{}}\n\n",
        event("one", &[1; 90]),
        event("two", &[2; 300])
    );
    for size in [1, 2, 5, 33, 5000] {
        let events = read(&stream, size).await.unwrap();
        let (texts, media): (Vec<Value>, Vec<Vec<u8>>) = events
            .into_iter()
            .map(|(json, media)| {
                (
                    json["candidates"][0]["content"]["parts"][0]["text"].clone(),
                    media,
                )
            })
            .unzip();
        assert_eq!(texts, [json!("one"), json!("two"), Value::Null]);
        assert_eq!(media, [vec![1; 90], vec![2; 300], vec![]]);
    }
}

#[tokio::test]
async fn the_media_of_all_events_is_counted() {
    for (count, fits) in [(1024, true), (1025, false)] {
        let one = format!("data: {}\n\n", event("", &[]));
        let read = read(&one.repeat(count), 1000).await;
        assert_eq!(read.is_ok(), fits, "{count}");
    }
}

#[tokio::test]
async fn the_media_of_all_events_together_is_bounded() {
    let events = |last: usize| {
        let one = event("x", &[0; 500]);
        format!("data: {one}\n\ndata: {}\n\n", event("y", &vec![0; last]))
    };
    assert_eq!(read(&events(500), 100).await.unwrap().len(), 2);
    let error = read(&events(501), 100).await.unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge));
    let long = format!("data: {}\n\n", event(&"x".repeat(1000), &[]));
    let error = read(&long, 100).await.unwrap_err();
    assert!(matches!(error, DecodeError::Extract(ExtractError::TooLong)));
}

#[tokio::test]
async fn a_stream_of_comments_is_cut_off() {
    let mut decoder = EventDecoder::new(GEMINI, &MediaSink::in_memory());
    let comments = b": waiting\n\n".repeat(15_000);
    for _ in 0..100 {
        assert!(decoder.next(&mut &comments[..]).await.unwrap().is_none());
    }
    let mut outcome = Ok(None);
    for _ in 0..3 {
        outcome = decoder.next(&mut &comments[..]).await;
    }
    assert!(matches!(outcome, Err(DecodeError::TooLarge)));
}
