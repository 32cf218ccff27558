//! Types of audio, by API: what goes out as what.

use conversation_providers::PcmFormat;
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use serde_json::json;

use super::*;

/// Audio with the type that it is declared as, and what it is sent as to chat completions and to Gemini;
/// `-` where it is left out. Responses and Messages take no audio.
const AUDIO: [(&str, &str, &[u8], &str, &str); 17] = [
    (
        "WAV",
        "audio/x-wav",
        b"RIFF\x10\0\0\0WAVEfmt ",
        "wav",
        "audio/wav",
    ),
    (
        "MP3",
        "audio/mp3",
        b"ID3\x03\0\0\0\0\0\0",
        "mp3",
        "audio/mpeg",
    ),
    ("PCM", "audio/pcm", b"\x01\x02\x03\x04", "wav", "audio/wav"),
    (
        "PCM of a live API",
        "audio/L16;codec=pcm;rate=24000",
        b"\x01\x02\x03\x04",
        "wav",
        "audio/wav",
    ),
    ("FLAC", "audio/x-flac", b"fLaC\0\0\0\"", "-", "audio/flac"),
    (
        "AAC",
        "audio/x-aac",
        b"\xff\xf1\x50\x80\0\x1f\xfc",
        "-",
        "audio/aac",
    ),
    (
        "AAC by its bytes",
        "audio/mpeg",
        b"\xff\xf1\x50\x80\0\x1f\xfc",
        "-",
        "audio/aac",
    ),
    (
        "M4A",
        "audio/x-m4a",
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp41",
        "-",
        "audio/mp4",
    ),
    (
        "Ogg Vorbis",
        "audio/x-ogg",
        b"OggS\0\x02\0\0\0\0\0\0",
        "-",
        "audio/ogg",
    ),
    (
        "Ogg Opus",
        "audio/opus",
        b"OggS\0\x02\0\0\0\0\0\0",
        "-",
        "audio/ogg",
    ),
    (
        "AIFF",
        "audio/x-aiff",
        b"FORM\0\0\0\x10AIFFCOMM",
        "-",
        "audio/aiff",
    ),
    (
        "AIFF by its bytes",
        "application/octet-stream",
        b"FORM\0\0\0\x10AIFFCOMM",
        "-",
        "audio/aiff",
    ),
    ("AMR", "audio/amr", b"#!AMR\n\x3c", "-", "-"),
    ("AMR by its bytes", "audio/mpeg", b"#!AMR\n\x3c", "-", "-"),
    ("Matroska audio", "audio/x-matroska", MATROSKA, "-", "-"),
    ("WebM audio", "audio/webm", WEBM, "-", "-"),
    ("MIDI", "audio/midi", b"MThd\0\0\0\x06", "-", "-"),
];

const MATROSKA: &[u8] = b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska";
const WEBM: &[u8] = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm";

/// The type that the only media of a body goes out as.
fn sent_as(format: ApiFormat, body: &Value) -> String {
    let part = match format.capability_name() {
        "openai.chat" => &body["messages"][0]["content"][1]["input_audio"]["format"],
        "gemini.generate_content" => &body["contents"][0]["parts"][1]["inlineData"]["mime_type"],
        _ => &Value::Null,
    };
    part.as_str().unwrap_or("-").to_owned()
}

#[tokio::test]
async fn types_of_audio_are_spelled_as_each_api_takes_them() {
    let store = InMemoryStorage::new();
    let media = over(Arc::new(store.clone()));
    let mut wrong = Vec::new();
    println!(
        "| {:18} | {:4} | {:9} | {:9} | Gemini |",
        "audio", "chat", "Responses", "Anthropic"
    );
    for (name, declared, bytes, chat, gemini) in AUDIO {
        let inline = MediaContent::from_bytes(declared.parse().unwrap(), bytes);
        let stored = store
            .store_media(&inline, MediaMetadata::new())
            .await
            .unwrap();
        let stored = MediaContent::from_reference(inline.mime().clone(), stored);
        // A store is given the type that the bytes show.
        let contents = match name.ends_with("by its bytes") {
            true => vec![inline],
            false => vec![inline, stored],
        };
        for content in contents {
            let messages = [user_with("hear", [content])];
            let request = ProviderRequest::new(&messages);
            let mut row = Vec::new();
            for format in FORMS {
                let body = body_by(&Capabilities::builtin(), format, &request, &media).await;
                row.push(sent_as(format, &json_of(&body).await));
                let is_sent = row.last().is_some_and(|sent| sent != "-");
                assert_eq!(
                    body.omitted_media().is_empty(),
                    is_sent,
                    "{name} {format:?}"
                );
            }
            if row != [chat, "-", "-", gemini] {
                wrong.push(format!("{name}: {row:?}"));
            }
            if messages[0].media().all(|media| media.inline().is_some()) {
                println!(
                    "| {name:18} | {:4} | {:9} | {:9} | {} |",
                    row[0], row[1], row[2], row[3]
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("| types of audio: {0} of {0}", AUDIO.len());
}

#[tokio::test]
async fn raw_audio_carries_its_bytes_as_a_wav_file() {
    let store = InMemoryStorage::new();
    let media = over(Arc::new(store.clone()));
    let format = PcmFormat::new(16_000, 2).unwrap();
    for size in [2, 178, 65_538, 1_000_000] {
        let raw = crate::support::picture_bytes(1, size);
        let inline = format.attach_to(MediaContent::from_bytes(Mime::AUDIO_PCM, raw.clone()));
        let stored = store
            .store_media(&inline, MediaMetadata::new())
            .await
            .unwrap();
        let stored = inline
            .clone()
            .with_source(media_types::MediaSource::Stored(stored));
        for content in [inline, stored] {
            let messages = [user_with("hear", [content])];
            let request = ProviderRequest::new(&messages);
            for api in [ApiFormat::OPENAI_CHAT, ApiFormat::GEMINI_CONTENTS] {
                let body = body_by(&Capabilities::builtin(), api, &request, &media).await;
                let body = json_of(&body).await;
                let text = match api.capability_name() {
                    "openai.chat" => &body["messages"][0]["content"][1]["input_audio"]["data"],
                    _ => &body["contents"][0]["parts"][1]["inlineData"]["data"],
                };
                assert!(
                    decoded(text.as_str().unwrap()) == format.wav(&raw),
                    "{api:?} {size}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_api_that_takes_raw_audio_gets_it_raw() {
    let file = json!({"format_version": 1, "revised": "r", "apis": {"gemini.generate_content":
        {"media": [{"mime": ["audio/*"], "forms": ["base64"]}]}}});
    let capabilities = Capabilities::from_json(&file.to_string()).unwrap();
    let raw = MediaContent::from_bytes(Mime::AUDIO_PCM, vec![1, 2, 3, 4]);
    let messages = [user_with("hear", [raw])];
    let request = ProviderRequest::new(&messages);
    let format = ApiFormat::GEMINI_CONTENTS;
    let body = body_by(&capabilities, format, &request, &no_storage()).await;
    let part = json_of(&body).await["contents"][0]["parts"][1]["inlineData"].take();
    assert_eq!(part, json!({"data": "AQIDBA==", "mime_type": "audio/pcm"}));
}

#[tokio::test]
async fn a_wav_file_that_is_declared_as_raw_audio_goes_out_as_it_is() {
    let store = InMemoryStorage::new();
    let media = over(Arc::new(store.clone()));
    let wav = PcmFormat::new(16_000, 1).unwrap().wav(&[7; 200]);
    let stored = MediaContent::from_bytes(Mime::AUDIO_WAV, wav.clone());
    let stored = store
        .store_media(&stored, MediaMetadata::new())
        .await
        .unwrap();
    let content = MediaContent::from_reference(Mime::AUDIO_PCM, stored);
    let messages = [user_with("hear", [content])];
    let request = ProviderRequest::new(&messages);
    let format = ApiFormat::OPENAI_CHAT;
    let body = body_by(&Capabilities::builtin(), format, &request, &media).await;
    let body = json_of(&body).await;
    let text = &body["messages"][0]["content"][1]["input_audio"]["data"];
    assert!(decoded(text.as_str().unwrap()) == wav, "{body}");
}
