use chrono::DateTime;
use media_types::{Mime, Sha256};
use proptest::prelude::*;

use super::{ParsedSidecar, Sidecar};
use crate::error::StorageErrorKind;
use crate::metadata::MediaMetadata;
use crate::options::MetadataPatch;
use crate::retention::RetentionPolicy;

fn sample() -> Sidecar {
    let metadata = MediaMetadata::new()
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap())
        .with_filename("../x.png".to_owned())
        .with_retention(RetentionPolicy::RetainDays(1));
    let at = DateTime::from_timestamp(1_767_323_045, 678_000_000).unwrap();
    Sidecar::new(
        "s/c/f.png",
        Mime::IMAGE_PNG,
        3,
        Sha256::EMPTY,
        metadata,
        RetentionPolicy::Retain,
        at,
    )
}

#[test]
fn the_form_is_the_documented_one() {
    let json = String::from_utf8(sample().to_json().unwrap()).unwrap();
    let hash = Sha256::EMPTY;
    assert_eq!(
        json,
        format!(
            r#"{{
  "format_version": 1,
  "id": "s/c/f.png",
  "mime_type": "image/png",
  "size_bytes": 3,
  "sha256": "{hash}",
  "conversation_id": "c",
  "session_id": "s",
  "stored_at": "2026-01-02T03:04:05.678Z",
  "filename": "../x.png",
  "retention": "retain-1days",
  "expires_at": "2026-01-03T03:04:05.678Z"
}}
"#
        )
    );
    assert_eq!(Sidecar::from_json(json.as_bytes()).unwrap(), sample());
}

#[test]
fn unknown_fields_stay_and_unknown_versions_are_refused() {
    let json = String::from_utf8(sample().to_json().unwrap()).unwrap();
    let later = json.replace("\"filename\"", "\"new_field\": {\"a\": 1},\n  \"filename\"");
    let read = Sidecar::from_json(later.as_bytes()).unwrap();
    assert_eq!(read.unknown["new_field"]["a"], 1);
    let number = json.replace(
        "\"filename\"",
        "\"f\": 1111111111111111222318742074256,\n  \"filename\"",
    );
    let read = Sidecar::from_json(number.as_bytes()).unwrap();
    let written = read.to_json().unwrap();
    assert_eq!(Sidecar::from_json(&written).unwrap(), read);
    let version = json.replace("\"format_version\": 1", "\"format_version\": 2");
    let error = Sidecar::from_json(version.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
}

#[test]
fn huge_and_bottomless_records_are_refused() {
    for bad in ["[".repeat(60_000), " ".repeat(70_000), String::new()] {
        let error = Sidecar::from_json(bad.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    }
    let mut big = sample();
    big.filename = Some("x".repeat(70_000));
    assert_eq!(
        big.to_json().unwrap_err().kind(),
        StorageErrorKind::InvalidInput
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Sidecar::from_json(&bytes);
    }
}

#[test]
fn later_records_are_told_from_damaged_ones() {
    let json = String::from_utf8(sample().to_json().unwrap()).unwrap();
    for later in [
        json.replace("\"format_version\": 1", "\"format_version\": 7"),
        json.replace("\"format_version\": 1", "\"format_version\": 7")
            .replace("image/png", "no longer a type"),
        json.replace("retain-1days", "retain-1fortnights"),
    ] {
        let parsed = Sidecar::parse(later.as_bytes(), 2);
        assert!(
            matches!(parsed, ParsedSidecar::Later(_)),
            "{later}: {parsed:?}"
        );
    }
    for damaged in [
        json.replace("image/png", "no type"),
        json.replace("\"format_version\": 1", "\"format_version\": 0"),
        json.replace("{", "["),
        json[..json.len() - 20].to_owned(),
    ] {
        let parsed = Sidecar::parse(damaged.as_bytes(), 2);
        assert!(
            matches!(parsed, ParsedSidecar::Damaged(_)),
            "{damaged}: {parsed:?}"
        );
    }
}

#[test]
fn what_is_readable_in_a_damaged_record_is_salvaged() {
    let mut sidecar = sample();
    sidecar.user_id = Some("user-1".parse().unwrap());
    sidecar.hold = true;
    let json = String::from_utf8(sidecar.to_json().unwrap()).unwrap();
    let damaged = json.replace("image/png", "no type").replace("\"s\"", "7");
    let salvaged = Sidecar::salvage(damaged.as_bytes(), "f.png").unwrap();
    assert_eq!(salvaged.mime, None);
    assert_eq!(salvaged.metadata.session(), None);
    assert_eq!(salvaged.metadata.user(), sidecar.user_id.as_ref());
    assert_eq!(salvaged.expires_at, sidecar.expires_at);
    assert_eq!(salvaged.sha256, Some(sidecar.sha256));
    assert!(salvaged.hold);
    assert!(Sidecar::salvage(damaged.as_bytes(), "other.png").is_none());
    assert!(Sidecar::salvage(b"{", "f.png").is_none());
}

#[test]
fn a_change_of_the_retention_does_not_lift_the_latest_expiry() {
    let stored_at = sample().stored_at;
    let hours = |hours| stored_at + chrono::Duration::hours(hours);
    let with = |cap| {
        let metadata = sample().metadata().with_expires_at(cap);
        let (mime, keep) = (Mime::IMAGE_PNG, RetentionPolicy::Retain);
        Sidecar::new(
            "s/c/f.png",
            mime,
            3,
            Sha256::EMPTY,
            metadata,
            keep,
            stored_at,
        )
    };
    let change = |sidecar: Sidecar, retention| {
        let sidecar = sidecar.patched(&MetadataPatch::new().with_retention(retention));
        Sidecar::from_json(&sidecar.to_json().unwrap()).unwrap()
    };
    // Earlier and later than the retention of a day.
    for cap in [hours(2), hours(48)] {
        let kept = change(with(cap), RetentionPolicy::Retain);
        assert_eq!(kept.expires_at, Some(cap));
        let shorter = change(kept, RetentionPolicy::RetainHours(1));
        assert_eq!(shorter.expires_at, Some(hours(1)));
        let kept = change(shorter, RetentionPolicy::Retain);
        assert_eq!(kept.expires_at, Some(cap));
    }
    // The program that wrote this one knew no latest expiry.
    let mut older = with(hours(2));
    older.expires_by = None;
    let kept = change(older, RetentionPolicy::Retain);
    assert_eq!(kept.expires_at, Some(hours(2)));
    // Without one, nothing holds an update up.
    let kept = change(sample(), RetentionPolicy::RetainDays(3));
    assert_eq!(kept.expires_at, Some(hours(72)));
}
