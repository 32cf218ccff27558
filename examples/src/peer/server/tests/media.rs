//! Documents and audio in chat completions.

use painter::OutputFormat;
use serde_json::{Value, json};

use super::{data_uri, encode, peer, with_photo};
use crate::samples;

fn bytes_of(sample: &crate::attachment::Attachment) -> Vec<u8> {
    sample.content().inline().unwrap().to_vec()
}

fn with_part(part: &Value) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": "?"}, part]})
}

fn file(fields: &Value) -> Value {
    with_part(&json!({"type": "file", "file": fields}))
}

fn audio(format: &str, bytes: &[u8]) -> Value {
    let audio = json!({"format": format, "data": encode(bytes)});
    with_part(&json!({"type": "input_audio", "input_audio": audio}))
}

fn ask(model: &str, message: &Value) -> Value {
    json!({"model": model, "messages": [message]})
}

#[tokio::test]
async fn documents_and_audio_are_described_by_their_bytes() {
    let peer = peer().await;
    let pdf = data_uri("application/pdf", &bytes_of(&samples::timetable()));
    let document = file(&json!({"filename": "a.pdf", "file_data": pdf}));
    let notes = audio("wav", &bytes_of(&samples::three_notes()));
    for (model, message, says) in [
        ("gpt-5.4-mini", document, "the PDF document a.pdf of"),
        ("gpt-audio-mini", notes, "1.50 s of 16000 Hz in 1 channel"),
    ] {
        let answer = peer.ask("/chat/completions", &ask(model, &message)).await;
        let text = &answer["choices"][0]["message"]["content"];
        assert!(text.as_str().unwrap().contains(says), "{text}");
    }
}

#[tokio::test]
async fn media_that_a_model_does_not_take_is_refused() {
    let peer = peer().await;
    let wav = bytes_of(&samples::three_notes());
    let pdf = data_uri("application/pdf", &bytes_of(&samples::timetable()));
    let no_pdf = data_uri("application/pdf", b"plain text");
    let text = data_uri("text/plain", b"plain text");
    let png = super::photo("coffee", OutputFormat::Png);
    let image = with_photo("?", &data_uri("image/png", &png));
    let silent = json!({"role": "user", "content": "hello"});
    let (chat, hears) = ("gpt-5.4-mini", "gpt-audio-mini");
    let missing = "missing_required_parameter";
    for (model, message, code) in [
        (chat, file(&json!({"file_data": pdf})), json!(missing)),
        (chat, file(&json!({"filename": "a.pdf"})), json!(missing)),
        (chat, file(&json!({"file_id": "file-1"})), Value::Null),
        (
            chat,
            file(&json!({"filename": "a", "file_data": text})),
            json!("invalid_value"),
        ),
        (
            chat,
            file(&json!({"filename": "a", "file_data": no_pdf})),
            json!("invalid_value"),
        ),
        (chat, audio("wav", &wav), json!("invalid_value")),
        (hears, audio("ogg", &wav), json!("invalid_value")),
        (hears, audio("mp3", &wav), json!("invalid_value")),
        (hears, audio("wav", b"no audio"), json!("invalid_value")),
        (hears, image, json!("invalid_value")),
        (hears, silent, json!("invalid_value")),
    ] {
        let request = ask(model, &message);
        let (status, body) = peer.refused("/chat/completions", &request).await;
        assert_eq!((status, &body["error"]["code"]), (400, &code), "{body}");
    }
}
