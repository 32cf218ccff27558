//! Files that a provider refuses although they are there.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conversation_providers::files::{FileRegistry, MemoryFileRegistry, ProviderFiles};
use conversation_providers::{
    AnthropicProvider, MediaContext, MediaUploads, Provider, ProviderRequest,
};
use conversation_types::{Message, UserMessage};
use media_storage::Sha256Hasher;
use serde_json::{Value, json};

use crate::files::{KEY, image, policy, whole};
use crate::peer::{Act, Peer};

#[tokio::test]
async fn a_file_that_is_refused_though_it_is_there_is_deleted_or_stays_known() {
    for can_delete in [true, false] {
        let there = Arc::new(Mutex::new(BTreeSet::new()));
        let (held, uploads) = (Arc::clone(&there), AtomicUsize::new(0));
        let may_delete = Arc::new(AtomicBool::new(can_delete));
        let allowed = Arc::clone(&may_delete);
        let peer = Peer::judging(move |received| {
            let mut held = held.lock().unwrap();
            let error = |kind: &str, message: &str| {
                let error = json!({"type": kind, "message": message});
                json!({"type": "error", "error": error})
            };
            let line = received.line.as_str();
            if line.starts_with("POST /v1/files") {
                let id = format!("file_{}", uploads.fetch_add(1, Ordering::SeqCst) + 1);
                held.insert(id.clone());
                return Act::json(200, &json!({"id": id, "type": "file"}));
            }
            if let Some(rest) = line.strip_prefix("DELETE /v1/files/") {
                if !allowed.load(Ordering::SeqCst) {
                    return Act::json(403, &error("permission_error", "not with this key"));
                }
                let id = rest.split_whitespace().next().unwrap();
                let status = if held.remove(id) { 200 } else { 404 };
                return Act::json(status, &json!({"type": "file_deleted"}));
            }
            match received.json().to_string().contains("\"file_1\"") {
                true => {
                    let message = "file_1 could not be processed";
                    Act::json(400, &error("invalid_request_error", message))
                }
                false => Act::json(200, &whole()),
            }
        })
        .await;
        let url = peer.url();
        let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
        let own = Arc::new(MemoryFileRegistry::new());
        let recorded = files.recorded_in(Arc::clone(&own) as Arc<dyn FileRegistry>);
        let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
        let media = MediaContext::default().with_provider_files([recorded]);
        let image = image(1);
        let message = UserMessage::new().with_part("see").with_part(image.clone());
        let messages = [Message::user(message)];
        for _ in 0..2 {
            let request = ProviderRequest::new(&messages);
            provider.complete(request, &media).await.unwrap();
        }
        // It is refused once, and what goes in its place goes in the next request too.
        let asked = peer.received();
        let asked = asked.iter().filter(|sent| sent.line.contains("messages"));
        let kinds: Vec<Value> = asked
            .map(|sent| sent.json()["messages"][0]["content"][1]["source"]["type"].clone())
            .collect();
        let later = if can_delete { "file" } else { "base64" };
        assert_eq!(kinds, ["file", later, later], "{can_delete}");
        // Erasing finds all that is there.
        may_delete.store(true, Ordering::SeqCst);
        let hash = Sha256Hasher::digest(image.inline().unwrap());
        assert!(files.forget(&hash).await.unwrap(), "{can_delete}");
        assert!(there.lock().unwrap().is_empty(), "{can_delete}");
    }
}

/// Takes files and deletes them as `delete` says, and refuses whoever names one with a status, type and text.
async fn refusing(refusal: (u16, &'static str, &'static str), delete: fn() -> Act) -> Peer {
    let uploads = AtomicUsize::new(0);
    Peer::judging(move |received| {
        let line = received.line.as_str();
        if line.starts_with("POST /v1/files") {
            let id = format!("file_{}", uploads.fetch_add(1, Ordering::SeqCst) + 1);
            return Act::json(200, &json!({"id": id, "type": "file"}));
        }
        if line.starts_with("DELETE /v1/files/") {
            return delete();
        }
        let (status, kind, message) = refusal;
        let error = json!({"type": kind, "message": message});
        match received.json().to_string().contains("\"file_id\"") {
            true => Act::json(status, &json!({"type": "error", "error": error})),
            false => Act::json(200, &whole()),
        }
    })
    .await
}

fn count(peer: &Peer, start: &str) -> usize {
    let received = peer.received();
    let asked = received.iter().filter(|sent| sent.line.starts_with(start));
    asked.count()
}

#[tokio::test]
async fn an_error_that_names_no_file_deletes_none_that_others_use() {
    for (refusal, is_answered) in [
        (
            (403, "permission_error", "this model may not read files"),
            true,
        ),
        // Not a word about files.
        (
            (
                403,
                "permission_error",
                "no access to the inference profile",
            ),
            false,
        ),
        (
            (404, "error", "No endpoints found that support file input"),
            false,
        ),
    ] {
        let peer = refusing(refusal, || Act::json(200, &json!({}))).await;
        let url = peer.url();
        let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
        let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
        let own = || Arc::new(MemoryFileRegistry::new()) as Arc<dyn FileRegistry>;
        let media = MediaContext::default().with_provider_files([files.recorded_in(own())]);
        let image = image(1);
        let message = UserMessage::new().with_part("see").with_part(image.clone());
        let messages = [Message::user(message)];
        let answer = provider.complete(ProviderRequest::new(&messages), &media);
        assert_eq!(answer.await.is_ok(), is_answered, "{refusal:?}");
        // Another conversation names the same file.
        let another = files.recorded_in(own());
        let file = another.file_of(&image, 2000, &media).await.unwrap();
        assert_eq!(file.unwrap().id(), "file_1", "{refusal:?}");
        assert_eq!(count(&peer, "DELETE"), 0, "{refusal:?}");
        assert_eq!(count(&peer, "POST /v1/files"), 1, "{refusal:?}");
    }
}

#[tokio::test]
async fn one_lost_file_of_several_that_is_not_named_costs_no_other_its_place() {
    let lost = (404, "not_found_error", "a file was not found");
    for (images, deleted) in [(1, 1), (3, 0)] {
        let peer = refusing(lost, || Act::json(200, &json!({}))).await;
        let url = peer.url();
        let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
        let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
        let own = || Arc::new(MemoryFileRegistry::new()) as Arc<dyn FileRegistry>;
        let recorded = files.recorded_in(own());
        let media = MediaContext::default().with_provider_files([recorded]);
        let message = (1..=images).fold(UserMessage::from("see"), |message, seed| {
            message.with_part(image(seed))
        });
        let messages = [Message::user(message)];
        let answer = provider.complete(ProviderRequest::new(&messages), &media);
        // One is uploaded again, and refused again here, in whatever words.
        assert_eq!(answer.await.is_ok(), images > 1);
        assert_eq!(count(&peer, "DELETE"), deleted, "{images}");
        if images > 1 {
            assert_eq!(count(&peer, "POST /v1/messages"), 2);
            // Another conversation finds them, and the next request does not name them for an hour.
            let another = files.recorded_in(own());
            let file = another.file_of(&image(2), 2000, &media).await.unwrap();
            assert!(file.unwrap().id().starts_with("file_"));
            let again = provider.complete(ProviderRequest::new(&messages), &media);
            again.await.unwrap();
            assert_eq!(count(&peer, "POST /v1/messages"), 3);
            assert_eq!(count(&peer, "POST /v1/files"), 3);
        }
    }
}

#[tokio::test]
async fn a_model_that_may_not_read_files_gets_bytes_from_then_on() {
    let refusal = (403, "permission_error", "this model may not read files");
    let peer = refusing(refusal, || Act::json(200, &json!({}))).await;
    let url = peer.url();
    let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
    for (turn, (model, asked)) in [
        ("claude-sonnet-4-5", 2),
        ("claude-sonnet-4-5", 1),
        ("claude-opus-4-5", 2),
        ("claude-opus-4-5", 1),
    ]
    .into_iter()
    .enumerate()
    {
        // Conversations of one process, each with an image of its own.
        let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
        let media = MediaContext::default().with_provider_files([files]);
        let image = image(u64::try_from(turn).unwrap() + 1);
        let messages = [Message::user(UserMessage::from("see").with_part(image))];
        let before = count(&peer, "POST /v1/messages");
        let request = ProviderRequest::new(&messages).with_model(Some(model));
        provider.complete(request, &media).await.unwrap();
        assert_eq!(count(&peer, "POST /v1/messages"), before + asked, "{turn}");
        let part = peer.last().json()["messages"][0]["content"][1].clone();
        assert_eq!(part["source"]["type"], "base64", "{turn}");
    }
    assert_eq!(count(&peer, "POST /v1/files"), 2);
}

#[tokio::test]
async fn deletions_of_refused_files_that_hang_do_not_hold_up_the_turn() {
    let lost = (
        404,
        "not_found_error",
        "file_1, file_2 and file_3 were not found",
    );
    let peer = refusing(lost, || Act::Hang).await;
    let url = peer.url();
    let files = ProviderFiles::anthropic(KEY, Some(url.as_str()), policy());
    let provider = AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url.as_str());
    let media = MediaContext::default().with_provider_files([files]);
    let message = (1..=3).fold(UserMessage::from("see"), |message, seed| {
        message.with_part(image(seed))
    });
    let messages = [Message::user(message)];
    let begun = Instant::now();
    let request = || ProviderRequest::new(&messages);
    provider.complete(request(), &media).await.unwrap();
    // Five for all of them, not for each.
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(count(&peer, "DELETE"), 3);
    // None is named again, and none takes its place: erasing must find those that are there.
    provider.complete(request(), &media).await.unwrap();
    assert_eq!(count(&peer, "POST /v1/messages"), 3);
    assert_eq!(count(&peer, "POST /v1/files"), 3);
}
