//! Media that is missing, and the text that stands in for it.

use std::time::Duration;

use media_history::file::{FileOptions, restore_file};
use media_history::{History, HistoryErrorKind, OnMissing};
use media_storage::{InMemoryStorage, MediaStorageExt as _, Scope};
use media_types::base64;
use serde_json::{Value, json};

use crate::basics::history;

const TEXT: &str = "[media that is no longer available]";

fn bytes(seed: u8) -> Vec<u8> {
    let mut bytes = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
    bytes.extend((0..2000_u32).map(|at| (at as u8).wrapping_mul(seed)));
    bytes
}

fn image(seed: u8) -> String {
    base64::encode(&bytes(seed))
}

fn uri(seed: u8) -> String {
    format!("data:image/png;base64,{}", image(seed))
}

fn of_user(store: &InMemoryStorage) -> History {
    history(store)
        .with_scope(Scope::User("user".parse().unwrap()))
        .with_threshold_kb(0)
        .with_number_arrays(true)
}

/// The slim form of a history whose first `gone` references are gone.
async fn slim_without(store: &InMemoryStorage, whole: &str, gone: usize) -> Vec<u8> {
    let slim = of_user(store).externalize(whole.as_bytes()).await.unwrap();
    for value in slim.report().values.iter().take(gone) {
        store.delete(&value.reference).await.unwrap();
    }
    slim.bytes().to_vec()
}

/// Restores a history of one media item that is gone; by a stream and by a body.
async fn restored(whole: &Value) -> Value {
    let store = InMemoryStorage::new();
    let slim = slim_without(&store, &whole.to_string(), 1).await;
    let history = of_user(&store).with_on_missing(OnMissing::Text);
    let mut text = Vec::new();
    let report = history.restore_stream(&slim[..], &mut text).await.unwrap();
    assert_eq!((report.missing, report.restored), (1, 0), "{whole}");
    assert_eq!(report.input_bytes, slim.len() as u64);
    let body = history.restore_body(&slim).await.unwrap();
    assert_eq!(body.len(), Some(text.len() as u64));
    assert_eq!(body.bytes(u64::MAX).await.unwrap(), &text[..]);
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn a_text_of_the_api_stands_in_for_a_part() {
    let text = json!({"type": "text", "text": TEXT});
    let input_text = json!({"type": "input_text", "text": TEXT});
    for (part, wanted) in [
        (
            json!({"type": "image_url", "image_url": {"url": uri(3)}}),
            &text,
        ),
        (
            json!({"type": "input_audio", "input_audio": {"data": image(3), "format": "wav"}}),
            &text,
        ),
        (
            json!({"type": "file", "file": {"filename": "a.png", "file_data": uri(3)}}),
            &text,
        ),
        (
            json!({"type": "input_image", "image_url": uri(3)}),
            &input_text,
        ),
        (
            json!({"type": "image", "source":
                {"type": "base64", "media_type": "image/png", "data": image(3)}}),
            &text,
        ),
        (
            json!({"inlineData": {"data": image(3), "mimeType": "image/png"}}),
            &json!({"text": TEXT}),
        ),
        (
            json!({"type": "file", "mediaType": "image/png", "url": uri(3)}),
            &text,
        ),
        (
            json!({"type": "image", "image": {"type": "Buffer", "data": bytes(3)},
                "mediaType": "image/png"}),
            &text,
        ),
        (
            json!({"Binary": {"content_type": "image/png", "source": {"Base64": image(3)}}}),
            &json!({"Text": TEXT}),
        ),
    ] {
        let before = json!({"type": "text", "text": "look"});
        let whole = json!({"messages": [{"role": "user", "content": [before, part, before]}]});
        let found = restored(&whole).await;
        let content = &found["messages"][0]["content"];
        assert_eq!(content, &json!([before, wanted, before]), "{part}");
    }
}

#[tokio::test]
async fn prose_and_json_in_strings_keep_their_place() {
    let prose = json!([{"type": "text", "text": format!("see ![it]({}) there", uri(3))}]);
    let wanted = format!("see ![it](data:image/png;base64,{TEXT}) there");
    assert_eq!(
        restored(&prose).await,
        json!([{"type": "text", "text": wanted}])
    );
    let output = json!([{"type": "input_image", "image_url": uri(3)}]).to_string();
    let whole = json!([{"type": "function_call_output", "call_id": "1", "output": output}]);
    let found = restored(&whole).await;
    let inner: Value = serde_json::from_str(found[0]["output"].as_str().unwrap()).unwrap();
    let wanted = format!("data:image/png;base64,{TEXT}");
    assert_eq!(inner, json!([{"type": "input_image", "image_url": wanted}]));
}

#[tokio::test]
async fn what_is_there_is_restored_beside_it() {
    let store = InMemoryStorage::new();
    let line = |seed| json!([{"type": "image_url", "image_url": {"url": uri(seed)}}]).to_string();
    let whole = format!("\u{feff}{}\n{}\n{}", line(3), line(5), line(3));
    let slim = slim_without(&store, &whole, 1).await;
    let history = of_user(&store).with_on_missing(OnMissing::Text);
    let gone = json!([{"type": "text", "text": TEXT}]).to_string();
    let wanted = format!("\u{feff}{gone}\n{}\n{gone}", line(5));
    assert_eq!(history.restore(&slim).await.unwrap(), wanted);
}

/// A part of no API that is known, and the answer of a function of Gemini, which takes no text.
#[tokio::test]
async fn where_no_text_can_stand_restoring_fails() {
    let inline = json!({"inlineData": {"data": image(3), "mimeType": "image/png"}});
    for (whole, path) in [
        (
            json!({"items": [{"type": "image_generation_call", "result": image(3)}]}),
            "/items/0/result",
        ),
        (
            json!([{"parts": [{"functionResponse": {"name": "f", "parts": [inline]}}]}]),
            "/0/parts/0/functionResponse/parts/0/inlineData/data",
        ),
        (json!({"b64_json": image(3)}), "/b64_json"),
    ] {
        let store = InMemoryStorage::new();
        let slim = slim_without(&store, &whole.to_string(), 1).await;
        let history = of_user(&store).with_on_missing(OnMissing::Text);
        let error = history.restore(&slim).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Missing);
        assert_eq!(error.path(), Some(path));
    }
}

#[tokio::test]
async fn a_file_has_the_text_where_all_its_media_is_missing() {
    let store = InMemoryStorage::new();
    let whole = json!([{"type": "image_url", "image_url": {"url": uri(3)}}]).to_string();
    let slim = slim_without(&store, &whole, 1).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_, path) = file.into_parts();
    std::fs::write(&path, &slim).unwrap();
    let options = FileOptions::new().with_quiet_for(Duration::ZERO);
    let history = of_user(&store).with_on_missing(OnMissing::Text);
    let outcome = restore_file(&history, &path, &options).await.unwrap();
    assert!(outcome.changed);
    let wanted = json!([{"type": "text", "text": TEXT}]).to_string();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
}

#[tokio::test]
async fn a_body_tells_where_media_is_missing() {
    let store = InMemoryStorage::new();
    let part = json!({"type": "image_url", "image_url": {"url": uri(3)}});
    let whole = json!({"messages": [1, {"content": [part]}]}).to_string();
    let slim = slim_without(&store, &whole, 1).await;
    let error = of_user(&store).restore_body(&slim).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    assert_eq!(error.path(), Some("/messages/1/content/0/image_url/url"));
}
