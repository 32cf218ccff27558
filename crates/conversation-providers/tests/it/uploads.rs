//! Uploads for a request: what is not uploaded, and how long is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use conversation_providers::files::{
    FileKey, FilePolicy, FileRecord, FileRegistry, FileService, MemoryFileRegistry, ProviderFiles,
    UploadedFile,
};
use conversation_providers::{
    AttemptBudget, MediaContext, MediaUploads, OpenAiProvider, Provider, ProviderError,
    ProviderErrorKind as Kind, ProviderRequest, ResponsesProvider, TimeoutPhase,
};
use conversation_types::{Message, Part, ProviderData, RawJson, UserMessage};
use media_storage::Sha256Hasher;
use media_types::{MediaContent, Mime};
use serde_json::json;
use tokio::sync::{Barrier, Notify};

use crate::peer::{Act, Peer, head};
use crate::support::picture_bytes;

const KEY: &str = "sk-test-0123456789";

fn image(seed: u64) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 5000))
}

fn files(peer: &Peer) -> MediaContext {
    let files = ProviderFiles::openai(KEY, Some(peer.url().as_str()), FilePolicy::from_size(1000));
    MediaContext::default().with_provider_files([files])
}

#[tokio::test]
async fn what_the_model_made_is_not_uploaded() {
    let peer = Peer::judging(|received| match received.line.contains("files") {
        true => Act::json(200, &json!({"id": "file-1", "object": "file"})),
        false => Act::json(
            200,
            &json!({"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5",
                "output": [{"type": "message", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "hello", "annotations": []}]}]}),
        ),
    })
    .await;
    let provider = ResponsesProvider::new(KEY, "gpt-5").with_base_url(peer.url());
    let item = json!({"id": "ig_1", "type": "image_generation_call", "status": "completed"});
    let made = ProviderData::new()
        .with("openai", RawJson::from(item))
        .attach_to(image(1));
    let messages = [
        Message::user("paint"),
        Message::assistant(vec![Part::Media(made)]),
        Message::user(UserMessage::from("like this").with_part(image(2))),
    ];
    let request = ProviderRequest::new(&messages);
    provider.complete(request, &files(&peer)).await.unwrap();
    let received = peer.received();
    let uploads = received.iter().filter(|sent| sent.line.contains("files"));
    assert_eq!(uploads.count(), 1);
    let sent = peer.last().json().to_string();
    assert!(sent.contains("image_generation_call") && sent.contains("file-1"));
}

#[tokio::test]
async fn an_upload_that_hangs_ends_with_the_time_of_the_request() {
    let hanging = head(200, &[], Some(1000), "application/json") + "{";
    let peer = Peer::start([Act::SendAndHang(vec![hanging.into_bytes()])]).await;
    let provider = OpenAiProvider::new(KEY, "gpt-4o").with_base_url(peer.url());
    let document = MediaContent::from_bytes(Mime::APPLICATION_PDF, vec![b'%'; 5000]);
    let messages = [Message::user(UserMessage::from("read").with_part(document))];
    let budget = AttemptBudget::new(3).with_timeout(Duration::from_millis(500));
    let request = ProviderRequest::new(&messages).with_budget(budget);
    let begun = Instant::now();
    let error = provider.complete(request, &files(&peer)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(TimeoutPhase::BeforeSending));
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(peer.received()[0].line.contains("files"));
}

/// An answer about a file that comes once its request and `before` are over.
fn late(body: &serde_json::Value, before: &Arc<Barrier>) -> Act {
    let body = body.to_string();
    let head = head(200, &[], Some(body.len()), "application/json");
    Act::SendTogether(Arc::clone(before), (head + &body).into_bytes())
}

#[tokio::test]
async fn a_file_that_nobody_waits_for_any_more_is_deleted() {
    let over = Arc::new(Barrier::new(2));
    let file = json!({"id": "file-1", "object": "file"});
    let peer = Peer::start([
        late(&file, &over),
        Act::json(200, &json!({"deleted": true})),
    ])
    .await;
    let files = ProviderFiles::openai(KEY, Some(peer.url().as_str()), FilePolicy::from_size(1000));
    let (image, media) = (image(1), MediaContext::default());
    tokio::select! {
        _ = files.file_of(&image, 5000, &media) => panic!("the answer came"),
        () = peer.arrival() => {}
    }
    over.wait().await;
    peer.arrival().await;
    let received = peer.received();
    assert!(received[0].line.starts_with("POST /v1/files"));
    assert!(received[1].line.starts_with("DELETE /v1/files/file-1"));
}

/// Files in memory, with the number of deletions.
#[derive(Clone, Debug, Default)]
struct CountedFiles(Arc<AtomicUsize>);

#[async_trait]
impl FileService for CountedFiles {
    fn provider(&self) -> &'static str {
        "openai"
    }

    fn base_url(&self) -> &'static str {
        "https://h.example/v1"
    }

    fn account(&self) -> String {
        "account".to_owned()
    }

    async fn upload(
        &self,
        _: &MediaContent,
        _: &MediaContext,
        _: Duration,
    ) -> Result<UploadedFile, ProviderError> {
        Ok(UploadedFile::new("file-1"))
    }

    async fn delete(&self, _: &str) -> Result<bool, ProviderError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
}

/// A registry that never answers that it keeps a file.
#[derive(Debug, Default)]
struct Hanging(Notify);

#[async_trait]
impl FileRegistry for Hanging {
    async fn get(&self, _: &FileKey) -> Option<FileRecord> {
        None
    }

    async fn put(&self, _: FileRecord) -> bool {
        self.0.notify_one();
        std::future::pending().await
    }

    async fn remove(&self, _: &FileKey, _: &str) {}
}

#[tokio::test]
async fn a_file_that_a_conversation_names_stays_where_nobody_waits_any_more() {
    let service = CountedFiles::default();
    let shared = Arc::new(Hanging::default());
    let policy = FilePolicy::from_size(1000);
    let files =
        ProviderFiles::with_registry(service.clone(), policy, Arc::<Hanging>::clone(&shared));
    let own = Arc::new(MemoryFileRegistry::new());
    let (image, media) = (image(1), MediaContext::default());
    let recorded = files.recorded_in(Arc::<MemoryFileRegistry>::clone(&own));
    let everywhere: [&dyn MediaUploads; 2] = [&recorded, &files];
    for (uploads, deleted) in everywhere.into_iter().zip([0, 1]) {
        tokio::select! {
            _ = uploads.file_of(&image, 5000, &media) => panic!("the registry answered"),
            () = shared.0.notified() => {}
        }
        // What deletes is the next task on this thread.
        tokio::task::yield_now().await;
        assert_eq!(service.0.load(Ordering::SeqCst), deleted);
    }
    let hash = Sha256Hasher::digest(image.inline().unwrap());
    let key = FileKey::new("openai", "https://h.example/v1", "account", hash);
    assert_eq!(own.get(&key).await.unwrap().id, "file-1");
}

#[tokio::test]
async fn a_file_that_its_provider_cannot_process_is_deleted() {
    for state in ["FAILED", "ACTIVE"] {
        let peer = Peer::judging(move |received| match received.line.as_str() {
            line if line.starts_with("POST /upload/v1/files") => {
                let session = format!("http://{}/session", received.header("host").unwrap());
                Act::reply(200, &[("x-goog-upload-url", &session)], "{}")
            }
            // One has no URI, so that no request can name it.
            line if line.starts_with("POST /session") => {
                Act::json(200, &json!({"file": {"name": "files/abc", "state": state}}))
            }
            _ => Act::json(200, &json!({})),
        })
        .await;
        let url = peer.url();
        let base = url.trim_end_matches("/v1");
        let files = ProviderFiles::gemini(KEY, Some(base), FilePolicy::from_size(1000));
        let file = files
            .file_of(&image(1), 5000, &MediaContext::default())
            .await;
        assert!(file.is_err(), "{state}");
        let last = peer.last().line;
        assert!(last.starts_with("DELETE /v1/files/abc"), "{state} {last}");
    }
}
