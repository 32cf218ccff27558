//! What a peer reads is what the store holds, byte for byte, and the plain JSON around it.

use conversation_providers::body::Multipart;
use media_storage::{MediaMetadata, MediaStorageExt, Sha256Hasher};
use media_store_fs::FileStore;
use serde_json::json;
use tokio::net::TcpListener;

use super::recorder::{Recorded, record, send};
use super::*;

const SIZES: [usize; 6] = [178, 65_535, 65_536, 65_537, 5_000_000, 20_000_000];

/// All sizes where everything is asked for, else those up to 5 MB.
fn sizes() -> impl Iterator<Item = usize> {
    let most = match std::env::var_os("MEDIA_EVERY_CUT") {
        Some(_) => SIZES.len(),
        None => SIZES.len() - 1,
    };
    SIZES.into_iter().take(most)
}

pub(super) fn metadata() -> MediaMetadata {
    MediaMetadata::new()
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap())
}

/// The message with its picture left empty, as each API has it.
fn around(format: ApiFormat) -> Value {
    match format.capability_name() {
        "openai.chat" => json!({
            "model": "model-1",
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "\"see\" \u{2028}"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
            ]}]
        }),
        "openai.responses" => json!({
            "model": "model-1",
            "input": [{"role": "user", "content": [
                {"type": "input_text", "text": "\"see\" \u{2028}"},
                {"type": "input_image", "image_url": "data:image/png;base64,", "detail": "auto"}
            ]}]
        }),
        "anthropic.messages" => json!({
            "model": "model-1", "max_tokens": 4096,
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "\"see\" \u{2028}"},
                {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": ""}}
            ]}]
        }),
        "gemini.generate_content" => json!({
            "contents": [{"role": "user", "parts": [
                {"text": "\"see\" \u{2028}"},
                {"inlineData": {"mime_type": "image/png", "data": ""}}
            ]}]
        }),
        other => panic!("{other:?}"),
    }
}

/// Puts a text behind the only one that waits for media.
fn fill(value: &mut Value, text: &str) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().any(|item| fill(item, text)),
        Value::Object(fields) => fields.values_mut().any(|field| fill(field, text)),
        Value::String(start) if start.is_empty() || start.ends_with(";base64,") => {
            start.push_str(text);
            true
        }
        _ => false,
    }
}

pub(super) async fn recorded(listener: &TcpListener, path: &str, body: &RequestBody) -> Recorded {
    let address = listener.local_addr().unwrap();
    let (recorded, sent) = tokio::join!(record(listener), send(address, path, body));
    sent.unwrap();
    assert_eq!(recorded.body.len() as u64, body.len());
    assert_eq!(Sha256Hasher::digest(&recorded.body), recorded.sha256);
    assert!(recorded.head.starts_with(&format!("POST {path} ")));
    recorded
}

#[tokio::test]
async fn every_form_carries_the_stored_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let capabilities = without_limits();
    for size in sizes() {
        let picture = png_of(size);
        let upload = store.store_media(&picture, metadata());
        let reference = upload.await.unwrap();
        let media = over(Arc::new(store.clone()));
        let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone());
        let messages = [user_with("\"see\" \u{2028}", [content])];
        let request = ProviderRequest::new(&messages);
        for format in FORMS {
            let body = body_by(&capabilities, format, &request, &media).await;
            let recorded = recorded(&listener, "/v1/any", &body).await;
            let sent: Value = serde_json::from_slice(&recorded.body).unwrap();
            let text = first_picture(format, &sent);
            assert_eq!(
                Some(Sha256Hasher::digest(&decoded(text))),
                reference.sha256(),
                "{format:?} {size}"
            );
            // The plain way: the whole text in memory, written by serde's hand.
            let mut plain = around(format);
            assert!(fill(&mut plain, text));
            assert!(sent == plain, "{format:?} {size}");
            let plain = serde_json::to_vec(&plain).unwrap();
            assert_eq!(plain.len(), recorded.body.len(), "{format:?} {size}");
        }
    }
}

#[tokio::test]
async fn uploads_carry_the_stored_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let media = over(Arc::new(store.clone()));
    for size in sizes() {
        let picture = png_of(size);
        let upload = store.store_media(&picture, metadata());
        let reference = upload.await.unwrap();
        let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone());
        for (api, provider, name) in [
            ("openai.files", "openai", "file"),
            ("openai.images", "openai", "image[]"),
            ("anthropic.files", "anthropic", "file"),
        ] {
            let api = Capabilities::builtin().api(api).unwrap();
            let multipart = Multipart::new()
                .with_boundary("b")
                .with_field("prompt", "x")
                .with_file(name, content.clone().with_filename("a\"b.png"));
            let body = multipart.into_body(provider, &api, &media).await.unwrap();
            let recorded = recorded(&listener, "/v1/files", &body).await;
            let start = format!(
                "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nx\r\n\
                 --b\r\nContent-Disposition: form-data; name=\"{name}\"; \
                 filename=\"a%22b.png\"\r\nContent-Type: image/png\r\n\r\n"
            );
            let rest = recorded.body.strip_prefix(start.as_bytes()).unwrap();
            let bytes = rest.strip_suffix(b"\r\n--b--\r\n").unwrap();
            assert_eq!(
                Some(Sha256Hasher::digest(bytes)),
                reference.sha256(),
                "{name} {size}"
            );
        }
    }
}
