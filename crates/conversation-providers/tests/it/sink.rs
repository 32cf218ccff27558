//! Media that models and tools hand over piece by piece.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use conversation_providers::sink::{MediaSink, SinkErrorKind, is_received};
use media_storage::{
    MediaBody, MediaStorage, MediaStorageExt, RetrieveOptions, Scope, StorageErrorKind,
};
use media_types::{MediaContent, Mime};

use crate::support::{Turn, picture_bytes};

const KIB: usize = 1024;

async fn paint(sink: &MediaSink, seed: u64, len: usize) -> MediaContent {
    let mut writer = sink.begin();
    for piece in picture_bytes(seed, len).chunks(50_001) {
        writer.write(piece).await.unwrap();
    }
    writer.finish(&Mime::IMAGE_JPEG).await.unwrap()
}

#[tokio::test]
async fn media_of_at_least_the_threshold_is_referred_to() {
    let mut turn = Turn::with(|options| options.with_threshold(100 * 1024));
    let sink = turn.received().sink();
    for (len, referred) in [
        (8, false),
        (100 * KIB - 1, false),
        (100 * KIB, true),
        (900 * KIB, true),
    ] {
        let content = paint(&sink, len as u64, len).await;
        // Bytes tell the type.
        assert_eq!(content.mime(), &Mime::IMAGE_PNG);
        assert_eq!(is_received(&content), referred, "{len}");
        assert_eq!(content.size(), Some(len as u64));
        assert!(turn.bytes(&content).await == picture_bytes(len as u64, len));
    }
    turn.end();
}

#[tokio::test]
async fn received_media_is_found_like_stored_media_until_its_turn_ends() {
    let mut turn = Turn::with(|options| options.with_threshold(0));
    let content = paint(&turn.received().sink(), 1, 300 * KIB).await;
    let loaded = turn.media().loader().bytes(&content).await.unwrap();
    assert!(loaded == picture_bytes(1, 300 * KIB));
    let reference = content.reference().unwrap().clone();
    let media = turn.registry.retrieve(&reference).await.unwrap();
    assert_eq!(media.size, 300 * KIB as u64);
    let part = turn
        .registry
        .retrieve_opts(&reference, RetrieveOptions::new().with_range(10..20))
        .await;
    let part = part.unwrap().body.bytes(100).await.unwrap();
    assert!(part == picture_bytes(1, 300 * KIB)[10..20]);
    for (user, found) in [("user-1", true), ("user-2", false)] {
        let scope = Scope::User(user.parse().unwrap());
        let options = RetrieveOptions::new().with_expected_scope(scope);
        let media = turn.registry.retrieve_opts(&reference, options).await;
        assert_eq!(media.is_ok(), found);
    }
    drop(media);
    // A reader that has begun goes on.
    let open = turn.registry.retrieve(&reference).await.unwrap();
    turn.received = None;
    let error = turn.registry.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    assert!(open.body.bytes(u64::MAX).await.unwrap() == picture_bytes(1, 300 * KIB));
    drop(loaded);
    turn.end();
}

#[tokio::test]
async fn a_turn_receives_no_more_than_its_limit_and_a_late_sink_still_works() {
    let mut turn = Turn::with(|options| options.with_max_bytes(500_000).with_threshold(0));
    let sink = turn.received().sink();
    let kept = paint(&sink, 1, 300_000).await;
    let mut writer = sink.begin();
    writer.write(&[0; 200_000]).await.unwrap();
    let error = writer.write(&[0]).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::TooLarge);
    drop(writer);
    paint(&sink, 2, 200_000).await;
    assert!(turn.bytes(&kept).await == picture_bytes(1, 300_000));
    turn.end();
    // What comes after the end of the turn is handed back whole.
    let late = paint(&sink, 3, 200_000).await;
    assert!(late.inline().unwrap() == &picture_bytes(3, 200_000));
}

#[tokio::test]
async fn a_body_is_received_and_its_failure_is_typed() {
    let turn = Turn::new();
    let sink = turn.received().sink();
    let body = MediaBody::from_bytes(picture_bytes(1, 200_000));
    let content = sink.receive(&Mime::IMAGE_PNG, body).await.unwrap();
    assert!(turn.bytes(&content).await == picture_bytes(1, 200_000));
    let short = futures_util::stream::iter([Ok(picture_bytes(1, 100))]);
    let body = MediaBody::from_stream(Some(200), short);
    let error = sink.receive(&Mime::IMAGE_PNG, body).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Source);
}

#[tokio::test]
async fn a_full_or_missing_directory_is_typed() {
    let turn = Turn::with(|options| options.with_directory("/nowhere/at/all"));
    let mut writer = turn.received().sink().begin();
    let error = writer.write(&picture_bytes(1, 200_000)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Spool);
}

#[tokio::test]
async fn nothing_is_stored_in_the_registry() {
    let turn = Turn::new();
    let content = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(1, 100));
    let stored = turn
        .registry
        .store_media(&content, media_storage::MediaMetadata::new())
        .await;
    assert_eq!(stored.unwrap_err().kind(), StorageErrorKind::Unsupported);
}
