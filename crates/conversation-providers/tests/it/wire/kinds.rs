//! Every kind of media, wherever it may stand in a conversation and whatever it comes from, byte for byte.

use conversation_types::ToolCall;
use media_loader::FileAccess;
use media_storage::{MediaStorageExt, Sha256Hasher};
use media_store_fs::FileStore;
use media_types::{Sha256, base64};
use tokio::net::TcpListener;

use super::exact::{metadata, recorded};
use super::*;

/// The largest size, in bytes.
const LARGEST: usize = 20_000_000;

/// Where media stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    User,
    Tool,
    Model,
}

const PLACES: [Place; 3] = [Place::User, Place::Tool, Place::Model];

/// Where the bytes are.
#[derive(Clone, Copy, Debug)]
enum Source {
    Inline,
    File,
    Stored,
}

const SOURCES: [Source; 3] = [Source::Inline, Source::File, Source::Stored];

/// Kinds of media with the bytes that they begin with.
const KINDS: [(&str, &[u8]); 12] = [
    ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
    ("image/webp", b"RIFF\x10\0\0\0WEBPVP8 "),
    ("image/gif", b"GIF89a"),
    ("image/heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"),
    ("application/pdf", b"%PDF-1.7\n"),
    ("audio/wav", b"RIFF\x10\0\0\0WAVEfmt "),
    ("audio/mpeg", b"ID3\x03\0\0\0\0\0\0"),
    ("audio/flac", b"fLaC\0\0\0\""),
    ("audio/ogg", b"OggS\0\x02\0\0"),
    ("video/mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp41"),
    ("video/quicktime", b"\0\0\0\x18ftypqt  \0\0\0\0qt  mp41"),
];

/// Whether an API takes a kind of media.
fn takes(format: ApiFormat, mime: &str) -> bool {
    let is_common = [
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/gif",
        "application/pdf",
    ]
    .contains(&mime);
    match format.capability_name() {
        "gemini.generate_content" => mime != "image/gif",
        "openai.chat" => is_common || ["audio/wav", "audio/mpeg"].contains(&mime),
        _ => is_common,
    }
}

/// The types that each API takes, without limits of size and number.
fn unlimited() -> Capabilities {
    let file = include_str!("../../../data/capabilities.v1.json");
    let mut file: Value = serde_json::from_str(file).unwrap();
    for api in file["apis"].as_object_mut().unwrap().values_mut() {
        let api = api.as_object_mut().unwrap();
        for limit in [
            "max_request_bytes",
            "max_items",
            "max_images",
            "many_images",
            "limits",
        ] {
            api.remove(limit);
        }
        for rule in api["media"].as_array_mut().unwrap() {
            let rule = rule.as_object_mut().unwrap();
            rule.remove("max_item_bytes");
            rule.remove("max_side");
        }
    }
    Capabilities::from_json(&file.to_string()).unwrap()
}

fn bytes_of(start: &[u8], size: usize) -> Vec<u8> {
    let rest = crate::support::picture_bytes(size as u64, size);
    [start, &rest[start.len()..]].concat()
}

/// A conversation with media in one place.
fn conversation(place: Place, media: MediaContent) -> Vec<Message> {
    let mut answer = assistant("here");
    match place {
        Place::User => return vec![user_with("see", [media])],
        Place::Tool => {
            answer.tool_calls = vec![ToolCall::new("c1", "f", "{}")];
            let result = Message::tool("c1", vec![Part::from("done"), Part::Media(media)]);
            return vec![user_with("go", []), answer, result];
        }
        Place::Model => answer.content.push(Part::Media(media)),
    }
    vec![user_with("go", []), answer, user_with("more", [])]
}

/// The hashes of everything in a body that is base64 of media.
fn media_of(body: &Value, least: usize) -> Vec<Sha256> {
    match body {
        Value::Array(items) => items
            .iter()
            .flat_map(|item| media_of(item, least))
            .collect(),
        Value::Object(fields) => fields
            .values()
            .flat_map(|field| media_of(field, least))
            .collect(),
        Value::String(text) if text.len() >= least => {
            let text = text.rsplit(";base64,").next().unwrap();
            vec![Sha256Hasher::digest(&decoded(text))]
        }
        _ => Vec::new(),
    }
}

/// Checks a body by the published schema, where there is one.
fn conforms(format: ApiFormat, body: &Value) {
    match format.capability_name() {
        #[cfg(feature = "openai")]
        "openai.chat" => {
            crate::openai::contract::conforms("CreateChatCompletionRequest", body);
        }
        #[cfg(feature = "openai")]
        "openai.responses" => crate::openai::contract::conforms("CreateResponse", body),
        _ => _ = body,
    }
}

#[tokio::test]
async fn every_kind_and_place_carries_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path().join("store")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_file_access(FileAccess::Any)
        .with_max_bytes(u64::MAX)
        .build();
    let (media, capabilities) = (MediaContext::new(loader, None), unlimited());
    let is_long = std::env::var_os("MEDIA_EVERY_CUT").is_some();
    let sizes: &[usize] = match is_long {
        true => &[178, 65_535, 65_537, 1_000_003, LARGEST],
        false => &[178, 65_537],
    };
    let mut sent = 0;
    for (at, (mime, start)) in KINDS.into_iter().enumerate() {
        for (step, size) in sizes.iter().copied().enumerate() {
            let bytes = bytes_of(start, size);
            let expected = Sha256Hasher::digest(&bytes);
            let inline = MediaContent::from_bytes(mime.parse().unwrap(), bytes.clone());
            // Each place meets each source; the largest stand in one place each.
            let is_largest = size == LARGEST;
            for (turn, place) in PLACES.into_iter().enumerate() {
                if is_largest && turn != at % PLACES.len() {
                    continue;
                }
                let source = SOURCES[(at + step + turn) % SOURCES.len()];
                let content = match source {
                    Source::Inline => inline.clone(),
                    Source::File => {
                        let path = dir.path().join("file");
                        std::fs::write(&path, &bytes).unwrap();
                        MediaContent::from_path(inline.mime().clone(), path)
                    }
                    Source::Stored => {
                        let stored = store.store_media(&inline, metadata()).await.unwrap();
                        MediaContent::from_reference(inline.mime().clone(), stored)
                    }
                };
                let messages = conversation(place, content);
                let request = ProviderRequest::new(&messages);
                for format in FORMS {
                    let body = body_by(&capabilities, format, &request, &media).await;
                    let recorded = recorded(&listener, "/v1/any", &body).await;
                    let json: Value = serde_json::from_slice(&recorded.body).unwrap();
                    if size == 178 {
                        conforms(format, &json);
                    }
                    let least = base64::encoded_len(size as u64) as usize;
                    let found = media_of(&json, least);
                    let case = format!("{format:?} {mime} {size} {place:?} {source:?}");
                    match takes(format, mime) {
                        true => {
                            assert_eq!(found, [expected], "{case}");
                            sent += 1;
                        }
                        false => {
                            assert_eq!((found.len(), body.omitted_media().len()), (0, 1), "{case}");
                        }
                    }
                }
            }
        }
    }
    let taken = FORMS.iter().map(|format| {
        KINDS
            .iter()
            .filter(|(mime, _)| takes(*format, mime))
            .count()
    });
    let times = sizes.iter().map(|size| match *size {
        LARGEST => 1,
        _ => PLACES.len(),
    });
    let all = taken.sum::<usize>() * times.sum::<usize>();
    println!("| media byte for byte: {sent} of {all} (kind, size, place, API)");
    assert_eq!(sent, all);
}

#[tokio::test]
async fn files_of_text_carry_their_bytes_as_text() {
    for size in [178, 40_000, 60_000] {
        let text: String = "a,\"b\"\n\u{1f600}\u{2028}\\"
            .chars()
            .cycle()
            .take(size)
            .collect();
        let messages = [user_with(
            "read",
            [MediaContent::from_bytes(Mime::TEXT_CSV, text.clone())],
        )];
        let request = ProviderRequest::new(&messages);
        for format in FORMS {
            let body = body_by(&unlimited(), format, &request, &no_storage()).await;
            let json = json_of(&body).await;
            assert!(has_text(&json, &text), "{format:?} {size}");
        }
    }
}

fn has_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_text(item, wanted)),
        Value::Object(fields) => fields.values().any(|field| has_text(field, wanted)),
        Value::String(text) => text.ends_with(wanted),
        _ => false,
    }
}
