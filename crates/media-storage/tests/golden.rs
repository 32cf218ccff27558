//! Sidecars of released versions stay readable, and are written as they were.
//!
//! Files are never changed; a new version adds a directory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Utc};
use media_storage::{MediaMetadata, RetentionPolicy, Scope, Sidecar};
use media_types::{Mime, Sha256};

const FULL: &str = include_str!("golden/v1/sidecar-full.meta");
const MINIMAL: &str = include_str!("golden/v1/sidecar-minimal.meta");
const LATER_FIELDS: &str = include_str!("golden/v1/sidecar-later-fields.meta");

fn read(text: &str) -> Sidecar {
    // A checkout may have changed the line ends; JSON does not mind.
    Sidecar::from_json(text.as_bytes()).unwrap()
}

fn stored_at() -> DateTime<Utc> {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

#[test]
fn what_is_written_is_written_as_it_was() {
    for text in [FULL, MINIMAL, LATER_FIELDS] {
        let written = String::from_utf8(read(text).to_json().unwrap()).unwrap();
        assert_eq!(written, text.replace("\r\n", "\n"));
    }
}

#[test]
fn every_field_reads() {
    let metadata = MediaMetadata::new()
        .with_conversation("conv-1".parse().unwrap())
        .with_session("session-1".parse().unwrap())
        .with_run("run/1".parse().unwrap())
        .with_user("jos\u{e9}".parse().unwrap())
        .with_message_index(3)
        .with_content_index(0)
        .with_created_at("2026-01-02T03:04:05Z".parse().unwrap())
        .with_filename("../a \"b\".png".to_owned())
        .with_provider("openai".to_owned())
        .with_retention(RetentionPolicy::DeleteAfterMinutes(90));
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let expected = Sidecar::new(
        "session-1/conv-1/9f86d0-0f3c9a7e51b2k4m8n1p6r9t2vw.png",
        Mime::IMAGE_PNG,
        4,
        hash.parse::<Sha256>().unwrap(),
        metadata.clone(),
        RetentionPolicy::Retain,
        stored_at(),
    );
    let sidecar = read(FULL);
    assert_eq!(sidecar, expected);
    assert_eq!(sidecar.metadata(), metadata);
    assert!(sidecar.is_in(&Scope::Run("run/1".parse().unwrap())));
    assert!(!sidecar.is_in(&Scope::Run("run-1".parse().unwrap())));
}

#[test]
fn absent_and_later_fields_read() {
    let minimal = read(MINIMAL);
    let nothing = MediaMetadata::new().with_retention(RetentionPolicy::Retain);
    assert_eq!(minimal.metadata(), nothing);
    assert_eq!((minimal.sha256, minimal.expires_at), (Sha256::EMPTY, None));
    let later = read(LATER_FIELDS);
    assert_eq!(later.unknown["encryption"]["key_id"], "k1");
    assert!(later.is_expired("2026-01-09T03:04:05.678Z".parse().unwrap()));
    assert!(!later.is_expired("2026-01-09T03:04:05.677Z".parse().unwrap()));
}
