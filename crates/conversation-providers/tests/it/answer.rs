//! Answers of every API whose media is received as it arrives.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conversation_providers::answer::{Answer, AnswerReader, EventReader};
use conversation_providers::sink::MediaSink;
use conversation_providers::{ApiFormat, ProviderError, ProviderErrorKind};
use media_types::{Mime, base64};
use serde_json::{Value, json};

use crate::support::{Turn, picture_bytes};

const KIB: usize = 1024;

async fn whole(
    format: ApiFormat,
    text: &str,
    size: usize,
    sink: &MediaSink,
) -> Result<Answer, ProviderError> {
    let mut reader = AnswerReader::new(format, sink);
    for chunk in text.as_bytes().chunks(size) {
        reader.push(chunk).await?;
    }
    reader.finish().await
}

async fn events(
    format: ApiFormat,
    text: &str,
    size: usize,
    sink: &MediaSink,
) -> Result<Vec<Answer>, ProviderError> {
    let mut reader = EventReader::new(format, sink);
    let mut answers = Vec::new();
    for mut chunk in text.as_bytes().chunks(size) {
        while let Some(answer) = reader.next(&mut chunk).await? {
            answers.push(answer);
        }
    }
    assert!(reader.is_between_events());
    Ok(answers)
}

fn gemini(media: &[&[u8]]) -> Value {
    let mut parts = vec![json!({"text": "here", "thoughtSignature": "c2lnbmF0dXJl"})];
    parts.extend(media.iter().map(
        |bytes| json!({"inlineData": {"mimeType": "image/png", "data": base64::encode(bytes)}}),
    ));
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1290, "totalTokenCount": 1291}})
}

fn responses(bytes: &[u8]) -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "output_format": "webp",
            "result": base64::encode(bytes)},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "here"}]}]})
}

fn stream(events: &[Value]) -> String {
    let mut text: String = events
        .iter()
        .map(|event| format!("data: {event}\r\n\r\n"))
        .collect();
    text.push_str("data: [DONE]\n\n");
    text
}

#[tokio::test]
async fn media_of_every_api_arrives_byte_for_byte() {
    let (one, two) = (picture_bytes(1, 700 * KIB + 1), picture_bytes(2, 300 * KIB));
    let partial = json!({"type": "response.image_generation_call.partial_image",
        "partial_image_b64": base64::encode(&two)});
    let done = json!({"type": "response.completed", "response": responses(&one)});
    let audio = json!({"choices": [{"message": {"audio":
        {"id": "a", "data": base64::encode(&one), "transcript": "t"}}}]});
    for (format, is_stream, text, expected) in [
        (
            ApiFormat::GEMINI_CONTENTS,
            false,
            gemini(&[&one, &two]).to_string(),
            vec![&one, &two],
        ),
        (
            ApiFormat::GEMINI_CONTENTS,
            false,
            json!([gemini(&[&one]), gemini(&[&two])]).to_string(),
            vec![&one, &two],
        ),
        (
            ApiFormat::GEMINI_CONTENTS,
            true,
            stream(&[gemini(&[]), gemini(&[&one]), gemini(&[&two])]),
            vec![&one, &two],
        ),
        (
            ApiFormat::OPENAI_RESPONSES,
            false,
            responses(&one).to_string(),
            vec![&one],
        ),
        (
            ApiFormat::OPENAI_RESPONSES,
            true,
            stream(&[partial, done]),
            vec![&two, &one],
        ),
        (ApiFormat::OPENAI_CHAT, false, audio.to_string(), vec![&one]),
    ] {
        for size in [997, 64 * KIB, text.len()] {
            let mut turn = Turn::new();
            let sink = turn.received().sink();
            let answers = match is_stream {
                true => events(format, &text, size, &sink).await.unwrap(),
                false => vec![whole(format, &text, size, &sink).await.unwrap()],
            };
            let media: Vec<_> = answers.iter().flat_map(Answer::media).collect();
            assert_eq!(media.len(), expected.len(), "{format:?}");
            for ((_, content), bytes) in media.into_iter().zip(&expected) {
                assert!(turn.bytes(content).await == **bytes, "{format:?} {size}");
            }
            drop(answers);
            turn.end();
        }
    }
}

#[tokio::test]
async fn json_and_media_have_their_places() {
    let bytes = picture_bytes(1, 1000);
    let sink = MediaSink::in_memory();
    let text = responses(&bytes).to_string();
    let answer = whole(ApiFormat::OPENAI_RESPONSES, &text, 100, &sink)
        .await
        .unwrap();
    let image = answer.media_at("/output/1/result").unwrap();
    assert!(image.inline().unwrap() == &bytes);
    let mut expected = responses(&bytes);
    expected["output"][1]["result"].take();
    assert_eq!(answer.json(), &expected);
    assert!(!format!("{answer:?}").contains("here"));
    // The declared type counts where the bytes show none.
    let text = responses(b"0123456789").to_string();
    let answer = whole(ApiFormat::OPENAI_RESPONSES, &text, 100, &sink)
        .await
        .unwrap();
    let (_, media) = answer.into_parts();
    assert_eq!(media[0].1.mime(), &Mime::IMAGE_WEBP);
}

#[tokio::test]
async fn broken_answers_are_typed() {
    let sink = MediaSink::in_memory();
    let cut = gemini(&[&picture_bytes(1, 5000)]).to_string();
    let bad = cut
        .replacen("AAAA", "A*AA", 1)
        .replacen("iVBOR", "iV*OR", 1);
    for (text, reason) in [
        (&cut[..cut.len() / 2], "truncated response"),
        (&bad[..], "media is not base64"),
        ("[", "the response is not JSON"),
        ("", "the response is not JSON"),
    ] {
        let answer = whole(ApiFormat::GEMINI_CONTENTS, text, 100, &sink).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::InvalidResponse);
        assert_eq!(error.reason(), Some(reason));
        assert_eq!(error.provider(), "gemini");
    }
}

#[tokio::test]
async fn halves_of_characters_are_replaced() {
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"a\ud83d"}]}}]}"#;
    let sink = MediaSink::in_memory();
    let answer = whole(ApiFormat::GEMINI_CONTENTS, text, 10, &sink)
        .await
        .unwrap();
    let text = &answer.json()["candidates"][0]["content"]["parts"][0]["text"];
    assert_eq!(text, "a\u{fffd}");
}
