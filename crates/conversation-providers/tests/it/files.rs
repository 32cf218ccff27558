//! Files that providers keep, against a server that keeps every byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use conversation_providers::files::{FileKey, FilePolicy, FileRecord, FileRegistry, ProviderFiles};
use conversation_providers::{
    AnthropicProvider, MediaContext, MediaUploads, Provider, ProviderRequest,
};
use conversation_types::{Message, UserMessage};
use futures_util::future::join_all;
use media_storage::Sha256Hasher;
use media_types::{MediaContent, Mime, base64};
use serde_json::{Value, json};

use crate::peer::{Act, Peer, Received};

pub(crate) const KEY: &str = "sk-test-0123456789";

/// A recorded request, and the bytes of its body where they are no JSON.
fn golden(name: &str) -> (Value, Vec<u8>) {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let head: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let body = head["body_base64"].as_str().unwrap_or_default();
    let body = base64::decode(body.as_bytes()).unwrap();
    (head, body)
}

/// A form with its boundary replaced by a word.
fn form(body: &[u8], content_type: &str) -> String {
    let (_, boundary) = content_type.split_once("boundary=").unwrap();
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    text.replace(boundary, "BOUNDARY")
}

/// The image of the recorded uploads.
fn recorded_image() -> MediaContent {
    let (_, bytes) = golden("gemini/files_upload_finalize");
    MediaContent::from_bytes(Mime::IMAGE_PNG, bytes).with_filename("a.png")
}

pub(crate) fn image(seed: u64) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, crate::support::picture_bytes(seed, 2000))
}

/// Gives ids by number to uploads, and deletes; all else is for `answer`.
async fn server(lifetime: i64, answer: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Peer {
    let uploads = AtomicUsize::new(0);
    Peer::judging(move |received| match received.line.as_str() {
        line if line.starts_with("POST /v1/files") => {
            let id = format!("file_{}", uploads.fetch_add(1, Ordering::SeqCst) + 1);
            let end = chrono::Utc::now() + chrono::TimeDelta::seconds(lifetime);
            Act::json(
                200,
                &json!({"id": id, "type": "file", "expires_at": end.to_rfc3339()}),
            )
        }
        line if line.starts_with("DELETE /v1/files/") => {
            Act::json(200, &json!({"type": "file_deleted"}))
        }
        _ => answer(received),
    })
    .await
}

/// A complete answer.
pub(crate) fn whole() -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1}})
}

fn no_answer(_: &Received) -> Act {
    Act::json(500, &json!({}))
}

fn lines(peer: &Peer) -> Vec<String> {
    let received = peer.received();
    received
        .iter()
        .map(|received| received.line.clone())
        .collect()
}

pub(crate) fn policy() -> FilePolicy {
    FilePolicy::from_size(1000).with_keep_for(Duration::from_secs(86_400))
}

#[tokio::test]
async fn uploads_are_those_of_the_official_clients() {
    let media = MediaContext::default();
    let image = recorded_image();
    let small = FilePolicy::from_size(1).with_keep_for(Duration::from_secs(3600));
    let peer = server(9000, no_answer).await;
    let url = peer.url();
    let openai = ProviderFiles::openai(KEY, Some(url.as_str()), small);
    openai.file_of(&image, 86, &media).await.unwrap().unwrap();
    let small = small.with_keep_for(Duration::from_secs(86_400));
    let anthropic = ProviderFiles::anthropic(KEY, Some(url.as_str()), small);
    anthropic
        .file_of(&image, 86, &media)
        .await
        .unwrap()
        .unwrap();
    let names = ["openai/files_create", "anthropic/files_upload"];
    for (received, name) in peer.received().iter().zip(names) {
        let (head, body) = golden(name);
        let expected = form(&body, head["headers"]["content-type"].as_str().unwrap());
        let sent = form(&received.body, received.header("content-type").unwrap());
        assert_eq!(sent, expected, "{name}");
    }
    let version = peer.received()[1]
        .header("anthropic-version")
        .map(str::to_owned);
    assert_eq!(version.as_deref(), Some("2026-10-21"));
}

#[tokio::test]
async fn a_gemini_file_is_uploaded_in_two_steps_and_waited_for() {
    let peer = Peer::judging(|received| {
        let file = |state: &str| {
            json!({"name": "files/abc", "uri": "https://h.example/v1/files/abc", "state": state})
        };
        match received.line.as_str() {
            line if line.starts_with("POST /upload/v1/files") => {
                let host = received.header("host").unwrap();
                let session = format!("http://{host}/upload/session/1");
                Act::reply(200, &[("x-goog-upload-url", &session)], "{}")
            }
            line if line.starts_with("POST /upload/session/1") => {
                Act::json(200, &json!({"file": file("PROCESSING")}))
            }
            line if line.starts_with("GET /v1/files/abc") => Act::json(200, &file("ACTIVE")),
            line if line.starts_with("DELETE /v1/files/abc") => Act::json(200, &json!({})),
            line if line.starts_with("DELETE /v1/files/gone") => {
                let text = "You do not have permission to access the File gone or it may not exist.";
                Act::json(403, &json!({"error": {"code": 403, "message": text}}))
            }
            line if line.starts_with("DELETE /v1/files/") => {
                Act::json(403, &json!({"error": {"code": 403, "message": "The key is blocked."}}))
            }
            _ => Act::json(500, &json!({})),
        }
    })
    .await;
    let url = peer.url();
    let base = url.trim_end_matches("/v1");
    let files = ProviderFiles::gemini(KEY, Some(base), FilePolicy::from_size(1));
    let image = recorded_image();
    let file = files.file_of(&image, 86, &MediaContext::default()).await;
    assert_eq!(
        file.unwrap().unwrap().id(),
        "https://h.example/v1/files/abc"
    );
    let received = peer.received();
    assert_eq!(received.len(), 3);
    let (start, _) = golden("gemini/files_upload_start");
    assert_eq!(received[0].json(), start["body"]);
    let (get, _) = golden("gemini/files_get");
    let asked = format!("GET {} HTTP/1.1", get["path"].as_str().unwrap());
    assert_eq!(received[2].line, asked);
    let (_, bytes) = golden("gemini/files_upload_finalize");
    assert!(received[1].body == bytes);
    for (received, name) in received.iter().zip(["start", "finalize"]) {
        let (head, _) = golden(&format!("gemini/files_upload_{name}"));
        for (header, value) in head["headers"].as_object().unwrap() {
            if header.starts_with("x-goog-upload-") && received.header(header).is_some() {
                assert_eq!(received.header(header), value.as_str(), "{name} {header}");
            }
        }
    }
    // Only the server that was asked is given the key.
    assert!(received[1].header("x-goog-api-key").is_none());
    let hash = Sha256Hasher::digest(image.inline().unwrap());
    assert!(files.forget(&hash).await.unwrap());
    // What is gone is refused by this API, as is what a key may not do.
    let key = FileKey::new("gemini", base, "account", hash);
    let mut record = FileRecord::new(key, "https://h.example/v1/files/gone");
    record.name = "files/gone".to_owned();
    assert!(!files.delete(&record).await.unwrap());
    record.name = "files/refused".to_owned();
    assert_eq!(files.delete(&record).await.unwrap_err().status(), Some(403));
}

#[tokio::test]
async fn what_was_deleted_is_not_asked_for_again() {
    let peer = server(86_400, no_answer).await;
    let files = ProviderFiles::anthropic(KEY, Some(peer.url().as_str()), policy());
    let hash = Sha256Hasher::digest(b"media");
    let key = FileKey::new("anthropic", peer.url(), "account", hash);
    let record = FileRecord::new(key, "file_9");
    assert!(files.delete(&record).await.unwrap());
    assert!(!files.delete(&record).await.unwrap());
    assert_eq!(peer.received().len(), 1);
}

/// A conversation that finds no place for a file any more.
#[derive(Debug)]
struct Full;

#[async_trait::async_trait]
impl FileRegistry for Full {
    async fn get(&self, _: &FileKey) -> Option<FileRecord> {
        None
    }

    async fn put(&self, _: FileRecord) -> bool {
        false
    }

    async fn remove(&self, _: &FileKey, _: &str) {}
}

#[tokio::test]
async fn a_file_that_cannot_be_kept_in_mind_is_deleted() {
    let peer = server(86_400, no_answer).await;
    let files = ProviderFiles::anthropic(KEY, Some(peer.url().as_str()), policy());
    let media = MediaContext::default();
    let full = files.recorded_in(Arc::new(Full));
    let image = image(1);
    assert!(full.file_of(&image, 2000, &media).await.unwrap().is_none());
    let asked = lines(&peer);
    assert_eq!(asked.len(), 2);
    assert!(asked[1].starts_with("DELETE /v1/files/file_1"), "{asked:?}");
    // Nobody is told of it.
    let file = files.file_of(&image, 2000, &media).await.unwrap().unwrap();
    assert_eq!(file.id(), "file_2");
    assert!(full.file_of(&image, 2000, &media).await.unwrap().is_none());
    assert_eq!(lines(&peer).len(), 3);
}

#[tokio::test]
async fn media_is_uploaded_once_however_many_need_it() {
    let peer = server(86_400, no_answer).await;
    let files = ProviderFiles::anthropic(KEY, Some(peer.url().as_str()), policy());
    let media = MediaContext::default();
    let (one, other) = (image(1), image(2));
    let all = (0..16).map(|n| files.file_of(if n % 2 == 0 { &one } else { &other }, 2000, &media));
    let ids: Vec<String> = join_all(all)
        .await
        .into_iter()
        .map(|file| file.unwrap().unwrap().id().to_owned())
        .collect();
    assert_eq!(peer.received().len(), 2);
    assert!(ids.iter().step_by(2).all(|id| *id == ids[0]) && ids[0] != ids[1]);
    // Another account has none of them.
    let another = ProviderFiles::anthropic("sk-other", Some(peer.url().as_str()), policy());
    another.file_of(&one, 2000, &media).await.unwrap().unwrap();
    assert_eq!(peer.received().len(), 3);
    // What is small is not uploaded.
    assert!(files.file_of(&one, 999, &media).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_ends_soon_is_uploaded_again_and_one_that_is_erased_is_deleted() {
    let peer = server(600, no_answer).await;
    let media = MediaContext::default();
    let image = image(1);
    let files = ProviderFiles::anthropic(KEY, Some(peer.url().as_str()), policy());
    for id in ["file_1", "file_2"] {
        let file = files.file_of(&image, 2000, &media).await.unwrap().unwrap();
        assert_eq!(file.id(), id);
    }
    let hash = Sha256Hasher::digest(image.inline().unwrap());
    assert!(files.forget(&hash).await.unwrap());
    assert!(!files.forget(&hash).await.unwrap());
    let last = lines(&peer).pop().unwrap();
    assert!(last.starts_with("DELETE /v1/files/file_2"), "{last}");
}

#[tokio::test]
async fn a_request_names_the_file_and_one_that_is_lost_is_uploaded_again() {
    let peer = server(86_400, |received| {
        let body = received.json().to_string();
        let version = received.header("anthropic-version").unwrap();
        if (version == "2026-10-21") != body.contains("file_id") {
            let message = "messages.0.content.1.source: this version has no such source";
            let error = json!({"type": "invalid_request_error", "message": message});
            return Act::json(400, &json!({"type": "error", "error": error}));
        }
        match body.contains("file_1") && received.line.contains("messages") {
            true => Act::json(
                404,
                &json!({"type": "error", "error": {
                "type": "not_found_error", "message": "File not found: file_1"}}),
            ),
            false => Act::json(200, &whole()),
        }
    })
    .await;
    let url = peer.url();
    let base = url.as_str();
    let files = ProviderFiles::anthropic(KEY, Some(base), policy());
    let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(base);
    let media = MediaContext::default().with_provider_files([files]);
    let message = UserMessage::new().with_part("see").with_part(image(1));
    let messages = [Message::user(message)];
    for _ in 0..2 {
        let request = ProviderRequest::new(&messages);
        provider.complete(request, &media).await.unwrap();
    }
    let received = peer.received();
    let sources: Vec<Value> = received
        .iter()
        .filter(|received| received.line.contains("messages"))
        .map(|received| received.json()["messages"][0]["content"][1]["source"].clone())
        .collect();
    let by_id = |id: &str| json!({"type": "file", "file_id": id});
    assert_eq!(sources, [by_id("file_1"), by_id("file_2"), by_id("file_2")]);
    // The provider is asked to delete what it does not find: the file may be there all the same.
    assert_eq!(received.len(), 6);
    assert!(received[2].line.starts_with("DELETE /v1/files/file_1"));
    // Without a file the version stays that of the provider.
    let messages = [Message::user("hello")];
    let request = ProviderRequest::new(&messages);
    provider.complete(request, &media).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_fails_costs_no_turn() {
    let peer = Peer::judging(|received| match received.line.contains("files") {
        true => Act::json(403, &json!({"error": {"message": "no files for this key"}})),
        false => Act::json(200, &whole()),
    })
    .await;
    let url = peer.url();
    let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
    let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
    let media = Arc::new(MediaContext::default().with_provider_files([files]));
    let message = UserMessage::new().with_part("see").with_part(image(1));
    let messages = [Message::user(message)];
    provider
        .complete(ProviderRequest::new(&messages), &media)
        .await
        .unwrap();
    let last = peer.last().json();
    assert_eq!(
        last["messages"][0]["content"][1]["source"]["type"],
        "base64"
    );
}
