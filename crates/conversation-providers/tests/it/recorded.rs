//! Requests of the official clients, other than those of whole turns.
//!
//! Recorded, and compared with nothing, as no call here sends them: `anthropic_count_tokens`,
//! `anthropic_files_list` and `anthropic_files_metadata` (files are known by their records), and
//! `openai_uploads_create` (a file is sent in one piece). `anthropic_turn2_model_dump_echo` ends in
//! a call without a result and has fields that say null: here every call gets a result, and what
//! is not set is left out.

use conversation_providers::files::{FileKey, FilePolicy, FileRecord, ProviderFiles};
use conversation_providers::{
    AnthropicProvider, GeminiProvider, MediaContext, Provider, ProviderRequest, ResponseMode,
    ResponsesProvider,
};
use conversation_types::Message;
use futures_util::StreamExt;
use media_storage::Sha256Hasher;
use serde_json::{Value, json};

use crate::files::KEY;
use crate::peer::{Act, Peer, Received};

/// The recordings, by the names of the folder that they were made in.
const RECORDED: [(&str, &str); 8] = [
    ("anthropic/stream", "anthropic_stream"),
    ("anthropic/files_delete", "anthropic_files_delete"),
    ("anthropic/turn1_all_sources", "anthropic_turn1_all_sources"),
    ("gemini/stream", "gemini_stream"),
    ("gemini/files_get", "gemini_files_get"),
    ("gemini/files_delete", "gemini_files_delete"),
    ("openai/responses_stream", "openai_responses_stream"),
    ("openai/files_delete", "openai_files_delete"),
];

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn recordings_of_single_requests_are_as_they_were_made() {
    let Some(folder) = std::env::var_os("CONTRACT_DATA") else {
        eprintln!("NOT RUN: CONTRACT_DATA does not say where the recordings are");
        return;
    };
    for (ours, theirs) in RECORDED {
        let path = std::path::Path::new(&folder).join(format!("golden/{theirs}.json"));
        let theirs: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(golden(ours), theirs, "{ours}");
    }
}

/// Asserts that a request goes where the recorded one went.
fn goes_where_the_official_client_went(received: &Received, name: &str) {
    let golden = golden(name);
    let (method, path) = (&golden["method"], &golden["path"]);
    let (method, path) = (method.as_str().unwrap(), path.as_str().unwrap());
    assert_eq!(received.line, format!("{method} {path} HTTP/1.1"), "{name}");
    let version = golden["headers"]
        .get("anthropic-version")
        .and_then(Value::as_str);
    assert_eq!(received.header("anthropic-version"), version, "{name}");
}

/// Deletes a file of this name.
async fn delete(files: &ProviderFiles, peer: &Peer, name: &str) {
    let hash = Sha256Hasher::digest(b"media");
    let mut record = FileRecord::new(FileKey::new("any", peer.url(), "account", hash), name);
    record.name = name.to_owned();
    assert!(files.delete(&record).await.unwrap());
}

#[tokio::test]
async fn files_are_deleted_as_the_official_clients_do() {
    let peer = Peer::judging(|_| Act::json(200, &json!({"deleted": true}))).await;
    let (url, policy) = (peer.url(), FilePolicy::from_size(1));
    let anthropic = ProviderFiles::anthropic(KEY, Some(&url), policy);
    delete(&anthropic, &peer, "file_1").await;
    let openai = ProviderFiles::openai(KEY, Some(&url), policy);
    delete(&openai, &peer, "file-1").await;
    let base = url.trim_end_matches("/v1");
    let gemini = ProviderFiles::gemini(KEY, Some(base), policy);
    delete(&gemini, &peer, "files/abc").await;
    let names = [
        "anthropic/files_delete",
        "openai/files_delete",
        "gemini/files_delete",
    ];
    let received = peer.received();
    assert_eq!(received.len(), names.len());
    for (received, name) in received.iter().zip(names) {
        goes_where_the_official_client_went(received, name);
        assert!(received.body.is_empty(), "{name}");
    }
}

/// What a provider sends to stream the answer to `x`.
async fn streamed(provider: &dyn Provider, peer: &Peer, parameters: Value) -> Received {
    let messages = [Message::user("x")];
    let request = ProviderRequest::new(&messages)
        .with_parameters(parameters.as_object().unwrap().clone())
        .with_mode(ResponseMode::Streaming);
    // The peer has no answer; what it was asked is enough.
    if let Ok(answer) = provider.complete(request, &MediaContext::default()).await {
        let _: Vec<_> = answer.into_events().collect().await;
    }
    peer.only()
}

/// A list of one text as that text, which says the same.
fn plain(content: &mut Value) {
    if let [part] = content.as_array().map(Vec::as_slice).unwrap_or_default()
        && let Some(text) = part.get("text")
    {
        *content = text.clone();
    }
}

#[tokio::test]
async fn streams_are_asked_for_as_the_official_clients_do() {
    let none = || Act::reply(400, &[], "{}");
    let peer = Peer::start([none()]).await;
    let provider = AnthropicProvider::new(KEY, "claude-x").with_base_url(peer.url());
    let sent = streamed(&provider, &peer, json!({"max_tokens": 99})).await;
    let name = "anthropic/stream";
    // The version of the API that requests name is an older one, which has all that is used here.
    assert_eq!(sent.line, "POST /v1/messages HTTP/1.1");
    let mut ours = sent.json();
    plain(&mut ours["messages"][0]["content"]);
    assert_eq!(ours, golden(name)["body"]);

    let peer = Peer::start([none()]).await;
    let url = peer.url();
    let base = url.trim_end_matches("/v1");
    let provider = GeminiProvider::new(KEY, "gemini-x").with_base_url(base);
    let sent = streamed(&provider, &peer, json!({})).await;
    let name = "gemini/stream";
    goes_where_the_official_client_went(&sent, name);
    assert_eq!(sent.json(), golden(name)["body"]);

    let peer = Peer::start([none()]).await;
    let provider = ResponsesProvider::new(KEY, "gpt-6.2-sol").with_base_url(peer.url());
    let sent = streamed(&provider, &peer, json!({})).await;
    let name = "openai/responses_stream";
    goes_where_the_official_client_went(&sent, name);
    let (mut ours, mut theirs) = (sent.json(), golden(name)["body"].clone());
    // Nothing is kept at the provider unless that is asked for, so reasoning comes along.
    for field in ["store", "include"] {
        ours.as_object_mut().unwrap().remove(field);
    }
    let input = theirs["input"].take();
    theirs["input"] = json!([{"role": "user", "content": input}]);
    for item in ours["input"].as_array_mut().unwrap() {
        plain(&mut item["content"]);
    }
    assert_eq!(ours, theirs);
}
