//! Requests of the official clients: that each is compared with ours or says why not, and those other than
//! whole turns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// Recordings that are compared with nothing, and why.
const WITHOUT_COUNTERPART: [(&str, &str); 6] = [
    (
        "anthropic_count_tokens",
        "tokens are estimated; no call asks for their number",
    ),
    (
        "anthropic_files_list",
        "files are known by their records; no call lists them",
    ),
    (
        "anthropic_files_metadata",
        "an upload says all that is needed; no call asks for it again",
    ),
    (
        "anthropic_turn2_model_dump_echo",
        "ends in a call without a result and has fields that say null: every call gets a result here, and \
         what is not set is left out",
    ),
    (
        "openai_uploads_create",
        "a file is sent in one piece; no call begins an upload in parts",
    ),
    (
        "gemini_history_model_dump_json",
        "is a history and no request; media-history reads it",
    ),
];

/// Recordings whose copies have another name than `vendor/rest`.
const RENAMED: [(&str, &str); 3] = [
    (
        "gemini_generateContent_multimodal_tools",
        "gemini/generate_content_multimodal_tools",
    ),
    ("openai_images_generate_dall-e-3", "openai/images_dall-e-3"),
    (
        "openai_images_generate_gpt-image-1",
        "openai/images_gpt-image-1",
    ),
];

/// The copy of a recording, which begins with the name of its vendor.
fn copy_of(recording: &str) -> String {
    let renamed = RENAMED.iter().find(|(theirs, _)| *theirs == recording);
    if let Some((_, ours)) = renamed {
        return (*ours).to_owned();
    }
    let (language, rest) = match recording.strip_prefix("js_") {
        Some(rest) => ("js_", rest),
        None => ("", recording),
    };
    let (vendor, rest) = rest.split_once('_').unwrap();
    format!("{vendor}/{language}{rest}")
}

/// The files below a directory of the crate.
fn files_below(directory: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let (mut files, mut left) = (Vec::new(), vec![root]);
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => files.push(path),
            }
        }
    }
    files
}

#[test]
fn every_copy_of_a_recording_is_named_by_a_test() {
    let tests = files_below("tests/it").into_iter();
    let tests = tests.filter(|path| !path.ends_with("recorded.rs"));
    let all = tests.chain(files_below("src"));
    let mut text: String = all
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let own =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded.rs"));
    text.push_str(own.unwrap().rsplit_once("fn goes_where").unwrap().1);
    let mut found = 0;
    for path in files_below("tests/golden") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".json").unwrap_or(name);
        // Some are named in two pieces.
        let piece = match name {
            "files_upload_start" => "\"start\"",
            "files_upload_finalize" => "files_upload_finalize",
            _ => match name.rsplit_once("sdk-") {
                Some((_, version)) => version,
                None => name,
            },
        };
        assert!(text.contains(piece), "{name} is compared with nothing");
        found += 1;
    }
    assert!(found > 40, "{found}");
}

#[test]
fn every_recording_of_the_official_clients_has_a_copy_or_a_reason() {
    let Some(folder) = std::env::var_os("CONTRACT_DATA") else {
        eprintln!("NOT RUN: CONTRACT_DATA does not say where the recordings are");
        return;
    };
    let folder = Path::new(&folder).join("golden");
    let names = std::fs::read_dir(&folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.collect();
    let mut without = BTreeSet::new();
    for name in &names {
        let (stem, end) = match name.strip_suffix(".answer.sse") {
            Some(stem) => (stem, "answer.sse"),
            None => match name.rsplit_once('.').unwrap() {
                // The same request as bytes.
                (stem, "body") if names.contains(&format!("{stem}.json")) => continue,
                (stem, end) => (stem, end),
            },
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let copy = root.join(format!("{}.{end}", copy_of(stem)));
        let Ok(copy) = std::fs::read(copy) else {
            without.insert(stem.to_owned());
            continue;
        };
        let theirs = std::fs::read(folder.join(name)).unwrap();
        match end {
            "json" => {
                let read = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
                assert_eq!(read(&copy), read(&theirs), "{name}");
            }
            _ => assert!(copy == theirs, "{name}"),
        }
    }
    let known: BTreeSet<String> = WITHOUT_COUNTERPART
        .iter()
        .map(|(name, reason)| {
            assert!(reason.len() > 20);
            (*name).to_owned()
        })
        .collect();
    assert_eq!(without, known);
}

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
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
