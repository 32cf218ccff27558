//! Wire forms of released versions stay readable, and are written as they were.
//!
//! Files named `read-*` are forms that are read but not written; all others are written back with
//! the same fields and values and without blanks; JSON objects have no order. Files are never
//! changed; a new version adds a directory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use media_types::{
    Detail, MediaContent, MediaSource, MediaType, Mime, ProviderFile, Sha256, StorageReference,
};
use serde_json::{Value, json};

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "v1"]
        .iter()
        .collect()
}

fn text(name: &str) -> String {
    let path = directory().join(name).with_extension("json");
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim_end().to_owned()
}

fn content(name: &str) -> MediaContent {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn reference(name: &str) -> StorageReference {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn is_same(name: &str, written: &str) {
    let golden = text(name);
    let [written_value, golden_value]: [Value; 2] =
        [written, &golden].map(|json| serde_json::from_str(json).unwrap());
    assert_eq!(written_value, golden_value, "{name}");
    assert_eq!(written.len(), golden.len(), "{name}: {written}");
}

fn hash() -> Sha256 {
    HASH.parse().unwrap()
}

fn time() -> chrono::DateTime<chrono::Utc> {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

#[test]
fn what_is_written_is_written_as_it_was() {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (name, extension) = name.split_once('.').unwrap();
        assert_eq!(extension, "json");
        seen.insert(name.to_owned());
        if name.starts_with("content") {
            is_same(name, &serde_json::to_string(&content(name)).unwrap());
        } else if name.starts_with("reference") {
            is_same(name, &serde_json::to_string(&reference(name)).unwrap());
        } else {
            assert!(name.starts_with("read-"), "{name}");
        }
    }
    assert_eq!(seen.len(), 17, "a golden file was added or lost: {seen:?}");
}

#[test]
fn each_source_reads() {
    assert_eq!(content("content-inline").inline().unwrap(), PNG);
    let empty = content("content-inline-empty");
    assert_eq!(
        (empty.size(), empty.media_type()),
        (Some(0), MediaType::Document)
    );

    let stored = content("content-stored");
    let id = "session-1/conv-1/9f86d0-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    let expected = StorageReference::builder("file", id)
        .with_size(1_234_567)
        .with_sha256(hash())
        .with_created_at(time());
    assert_eq!(stored.reference(), Some(&expected.build().unwrap()));
    assert_eq!(stored.detail(), Some(Detail::High));

    let file = content("content-file");
    assert_eq!(file.source(), &MediaSource::File("report.pdf".into()));
    let url = content("content-url");
    let address = "https://example.com/a.jpg?size=large#top".parse().unwrap();
    assert_eq!(url.source(), &MediaSource::Url(address));
    let managed = content("content-provider-file");
    let expected = ProviderFile::new("openai", "file-abc").unwrap();
    assert_eq!(managed.source(), &MediaSource::ProviderFile(expected));
}

#[test]
fn attributes_read_known_or_not() {
    let video = content("content-attributes");
    assert_eq!(video.media_type(), MediaType::Video);
    assert_eq!(video.detail(), Some(Detail::Low));
    assert_eq!(video.caption(), Some("the old harbour"));
    assert_eq!(video.filename(), Some("harbour.mp4"));
    assert_eq!(video.transcript(), Some("gulls"));
    assert_eq!((video.width(), video.height()), (Some(1920), Some(1080)));
    assert_eq!(video.duration(), Some(Duration::from_millis(12_500)));

    let unknown = content("content-unknown-fields");
    assert_eq!(unknown.attribute("channels"), Some(&json!(2)));
    let hints = json!({"voice": null, "gain": [1.5, -3, true]});
    assert_eq!(unknown.attribute("provider_hints"), Some(&hints));
}

#[test]
fn of_several_sources_the_first_in_order_is_read() {
    assert_eq!(content("read-several-sources").inline().unwrap(), PNG);
    let stored = content("read-several-sources-empty-data");
    assert_eq!(
        stored.reference(),
        Some(&StorageReference::builder("file", "a.png").build().unwrap())
    );
    let file = content("read-several-sources-null-reference");
    assert_eq!(file.source(), &MediaSource::File("a.png".into()));
    for (content, field) in [(stored, "storage_reference"), (file, "file_path")] {
        let written: Value = serde_json::to_value(content).unwrap();
        let fields: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields.len(), 3, "one source is written: {fields:?}");
        assert!(fields.iter().any(|name| name == field));
    }
}

#[test]
fn older_and_sloppier_forms_are_read_and_written_strictly() {
    let plain = content("read-plain-string-reference");
    let reference = plain.reference().unwrap();
    assert_eq!(reference.backend(), "file");
    assert_eq!(reference.id(), "conversations/conv-1/9f86d081884c.png");
    assert_eq!((reference.size(), reference.sha256()), (None, None));

    for name in ["read-data-uri", "read-lenient-base64"] {
        let content = content(name);
        assert_eq!(content.mime(), &Mime::IMAGE_PNG, "{name}");
        let written = serde_json::to_string(&content).unwrap();
        assert_eq!(written, text("content-inline"), "{name}");
    }
}

#[test]
fn references_read() {
    let full = reference("reference");
    let id = "session-1/conv-1/9f86d0-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
    let expected = StorageReference::builder("s3", id)
        .with_store_name("eu-west")
        .with_size(4)
        .with_sha256(hash())
        .with_created_at(time())
        .with_metadata("storage_class", "standard");
    assert_eq!(full, expected.build().unwrap());
    assert!(text("reference").len() <= 400);
    let minimal = reference("reference-minimal");
    assert_eq!((minimal.size(), minimal.created_at()), (None, None));
    let elsewhere = reference("read-reference-other-time-zone");
    let micros = time() + chrono::TimeDelta::microseconds(901);
    assert_eq!(elsewhere.created_at(), Some(micros));
}
