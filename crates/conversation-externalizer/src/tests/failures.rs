//! Stores that fail and callers that go.

use conversation_types::{Message, OmissionReason, Part};
use media_storage::{InMemoryStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{MediaContent, Mime};

use super::support::{
    KIB, Spools, bytes_of, count, externalizer, four, owner, pending, png, png_base64, png_bytes,
    references_in, run, shown, try_run,
};
use crate::{Batch, BatchKind, ExternalizeErrorKind, ExternalizeOptions, OnStorageError};

#[tokio::test]
async fn a_failure_at_any_item_leaves_nothing_of_a_users_batch() {
    for kind in [
        StorageErrorKind::Unavailable,
        StorageErrorKind::DiskSpace,
        StorageErrorKind::TooLarge,
    ] {
        for n in 1..=4 {
            for on_error in [OnStorageError::KeepInline, OnStorageError::FailTurn] {
                let store = FaultyStorage::new(InMemoryStorage::new())
                    .with_fault(Fault::nth(Call::Store, n).fail(kind));
                let options = ExternalizeOptions::new().with_on_storage_error(on_error);
                let externalizer = externalizer(store.clone(), options);
                let before = four(200 * KIB);
                let mut messages = [before.clone()];
                let mut pending = pending(&externalizer);
                let result =
                    try_run(&externalizer, BatchKind::User, &mut messages, &mut pending).await;
                assert_eq!(messages[0], before, "{kind:?} {n}");
                assert_eq!(count(store.inner()).await, 0);
                assert!(pending.is_empty());
                match result {
                    Ok(report) => {
                        assert_eq!(on_error, OnStorageError::KeepInline);
                        assert_eq!(report.inline_fallbacks.len(), 4);
                        assert_eq!(report.inline_fallbacks[0].storage_error, Some(kind));
                        assert_eq!(report.inline_fallbacks[0].size, Some(200 * KIB as u64));
                        assert!(report.failure.is_some());
                    }
                    Err(error) => {
                        assert_eq!(on_error, OnStorageError::FailTurn);
                        assert_eq!(error.kind(), ExternalizeErrorKind::Storage(kind));
                        let (message, part) = error.position().unwrap();
                        assert!(message == 10 && part < 4);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn of_an_answer_only_what_the_store_does_not_take_is_kept_inline_or_omitted() {
    for n in 1..=4 {
        for on_error in [OnStorageError::KeepInline, OnStorageError::FailTurn] {
            // Too large is said of one item: the others are stored.
            let store = FaultyStorage::new(InMemoryStorage::new())
                .with_fault(Fault::nth(Call::Store, n).fail(StorageErrorKind::TooLarge));
            let options = ExternalizeOptions::new()
                .with_on_storage_error(on_error)
                .with_concurrency(1);
            let externalizer = externalizer(store.clone(), options);
            let mut parts = vec![Part::text("here they are")];
            parts.extend(four(200 * KIB).content);
            let mut messages = [Message::assistant(parts)];
            let report = run(&externalizer, BatchKind::Answer, &mut messages).await;
            let word = match on_error {
                OnStorageError::KeepInline => "<image/png inline>",
                OnStorageError::FailTurn => "<image/png storage_failed>",
            };
            let mut expected = vec!["here they are"];
            expected.extend((1..=4).map(|i| if i == n { word } else { "<image/png stored>" }));
            assert_eq!(shown(&messages[0]), expected);
            assert_eq!(count(store.inner()).await, 3);
            let is_kept = on_error == OnStorageError::KeepInline;
            assert_eq!(
                (report.inline_fallbacks.len(), report.omitted.len()),
                (usize::from(is_kept), usize::from(!is_kept))
            );
            assert!(report.failure.is_some());
        }
    }
}

#[tokio::test]
async fn an_outage_during_an_answer_is_not_tried_again_and_again() {
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::from_nth(Call::Store, 2).fail(StorageErrorKind::Unavailable));
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new().with_concurrency(1));
    let mut messages = [Message::assistant(four(200 * KIB).content)];
    let report = run(&externalizer, BatchKind::Answer, &mut messages).await;
    assert_eq!(store.calls(Call::Store), 2);
    assert_eq!(
        shown(&messages[0])[..2],
        ["<image/png stored>", "<image/png inline>"]
    );
    assert_eq!(report.inline_fallbacks.len(), 3);
    assert!(
        report
            .inline_fallbacks
            .iter()
            .all(|f| f.storage_error == Some(StorageErrorKind::Unavailable))
    );
}

#[tokio::test]
async fn inline_bytes_of_a_message_are_bounded_when_the_store_fails() {
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
    let options = ExternalizeOptions::new().with_max_inline_bytes_per_message(500 * KIB as u64);
    let externalizer = externalizer(store.clone(), options);
    let mut spools = Spools::default();
    let received = spools.hold("a", png_bytes(5, 150 * KIB));
    let text = format!("![x](data:image/png;base64,{})", png_base64(6, 150 * KIB));
    // 60 KiB are below the threshold and count; 40 KiB are left for the last.
    let small = MediaContent::from_bytes(Mime::IMAGE_PNG, png_bytes(7, 60 * KIB));
    let mut messages = [
        Message::assistant(vec![
            small.into(),
            png(1, 150 * KIB).into(),
            text.into(),
            received.into(),
            png(2, 100 * KIB).into(),
        ]),
        Message::assistant(vec![png(3, 500 * KIB).into(), png(4, 100 * KIB).into()]),
    ];
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::Answer).with_received(&spools);
    let mut pending = pending(&externalizer);
    let report = externalizer
        .externalize(&batch, &mut messages, &mut pending)
        .await
        .unwrap();
    let inline = "<image/png inline>";
    let gone = "<image/png storage_failed>";
    assert_eq!(
        shown(&messages[0]),
        [inline, inline, "![x]", inline, gone, inline]
    );
    assert_eq!(shown(&messages[1]), [inline, gone]);
    assert_eq!(report.omitted.len(), 2);
    let omitted = &report.omitted[0];
    assert_eq!((omitted.message_index, omitted.content_index), (0, 4));
    assert_eq!(omitted.omitted.reason, OmissionReason::StorageFailed);
    assert_eq!(omitted.omitted.size, Some(150 * KIB as u64));
    assert_eq!(omitted.omitted.reference, None);
    assert!(pending.is_empty());
}

#[tokio::test]
async fn a_message_never_exceeds_what_the_state_store_takes() {
    const LIMIT: usize = 1024 * KIB;
    let words = "line\n".repeat(80 * KIB);
    let text = format!("{words}data:image/png;base64,{}", png_base64(9, 150 * KIB));
    for count in 1..6 {
        let store = FaultyStorage::new(InMemoryStorage::new())
            .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
        let options = ExternalizeOptions::new().with_max_message_bytes(LIMIT as u64);
        let externalizer = externalizer(store, options);
        let mut spools = Spools::default();
        let mut parts = vec![Part::text(text.clone())];
        parts.extend((0..count).map(|seed| png(seed, 100 * KIB).into()));
        parts.push(spools.hold("a", png_bytes(7, 100 * KIB)).into());
        let owner = owner();
        let batch = Batch::new(&owner, 0, BatchKind::Answer).with_received(&spools);
        let mut messages = [Message::assistant(parts)];
        let mut pending = pending(&externalizer);
        let report = externalizer
            .externalize(&batch, &mut messages, &mut pending)
            .await
            .unwrap();
        let size = serde_json::to_string(&messages[0]).unwrap().len();
        assert!(size <= LIMIT, "{size}");
        // As much as fits is kept: what is free is less than one more item takes.
        assert!(
            report.omitted.is_empty() || size + 150 * KIB > LIMIT,
            "{size}"
        );
        assert!(messages[0].text().starts_with(&words));
    }
}

#[tokio::test]
async fn received_media_comes_back_inline_and_is_never_a_reference_to_nothing() {
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let mut spools = Spools::default();
    let received = spools.hold("a", png_bytes(1, 300 * KIB)).with_caption("c");
    let nested = format!(r#"{{"x":[{}]}}"#, serde_json::to_string(&received).unwrap());
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::Answer).with_received(&spools);
    let mut messages = [Message::assistant(vec![
        received.into(),
        serde_json::from_str(&nested).unwrap(),
    ])];
    let mut pending = pending(&externalizer);
    externalizer
        .externalize(&batch, &mut messages, &mut pending)
        .await
        .unwrap();
    let content = messages[0].media().next().unwrap();
    assert_eq!(content.inline(), Some(&png_bytes(1, 300 * KIB)));
    assert_eq!(content.caption(), Some("c"));
    assert_eq!(references_in(&messages[0]), 0);
    // The store is well again and takes both from the message.
    store.clear_faults();
    let report = run(&externalizer, BatchKind::Answer, &mut messages).await;
    assert_eq!(report.stored, 2);
    let part = messages[0].content[0].clone();
    assert_eq!(
        bytes_of(store.inner(), &part).await,
        png_bytes(1, 300 * KIB)
    );
}

#[tokio::test]
async fn a_file_that_stays_inline_is_there_when_the_file_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    std::fs::write(&path, png_bytes(1, 200 * KIB)).unwrap();
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::Unavailable));
    let mut externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    externalizer.loader = media_loader::MediaLoader::builder()
        .with_file_access(media_loader::FileAccess::Under(dir.path().to_owned()))
        .build();
    let file = MediaContent::from_path(Mime::IMAGE_PNG, "photo.png").with_caption("c");
    let mut messages = [Message::user(vec![file.into()])];
    let report = run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!(report.inline_fallbacks[0].size, Some(200 * KIB as u64));
    std::fs::remove_file(&path).unwrap();
    let media = messages[0].media().next().unwrap();
    assert_eq!(media.inline(), Some(&png_bytes(1, 200 * KIB)));
    assert_eq!(
        (media.caption(), media.filename()),
        (Some("c"), Some("photo.png"))
    );
}

#[tokio::test]
async fn a_file_that_may_not_be_read_fails_or_stays() {
    let store = InMemoryStorage::new();
    for on_error in [OnStorageError::FailTurn, OnStorageError::KeepInline] {
        let options = ExternalizeOptions::new().with_on_storage_error(on_error);
        let externalizer = externalizer(store.clone(), options);
        let file = MediaContent::from_path(Mime::IMAGE_PNG, "photo.png");
        let before = Message::user(vec![png(1, 200 * KIB).into(), file.into()]);
        let mut messages = [before.clone()];
        let mut pending = pending(&externalizer);
        let result = try_run(&externalizer, BatchKind::User, &mut messages, &mut pending).await;
        match (on_error, result) {
            (OnStorageError::FailTurn, Err(error)) => {
                assert_eq!(error.kind(), ExternalizeErrorKind::Unreadable);
                assert!(error.load_error().is_some());
                assert_eq!(messages[0], before);
                assert_eq!(count(&store).await, 0);
            }
            (OnStorageError::KeepInline, Ok(report)) => {
                assert_eq!(messages[0].content[1], before.content[1]);
                assert_eq!(report.inline_fallbacks[0].storage_error, None);
                assert_eq!(count(&store).await, 1);
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}
