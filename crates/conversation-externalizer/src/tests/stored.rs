//! What goes to the store, with what is said about it.

use conversation_types::{Message, Part};
use media_loader::MediaLoader;
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage as _, MediaStorageExt, MetadataPatch,
    RetentionPolicy, Scope,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{Detail, MediaContent, MediaSource, MediaUrl, Mime, ProviderFile};
use serde_json::json;

use super::support::{
    KIB, Spools, bytes_of, count, externalizer, owner, pending, png, png_bytes, run, shown,
};
use crate::{Batch, BatchKind, ExternalizeOptions, Externalizer, RemoteMedia};

#[tokio::test]
async fn media_at_the_threshold_leaves_and_below_it_stays() {
    for (threshold, sizes, expected) in [
        (
            100 * KIB,
            [100 * KIB - 1, 100 * KIB, 100 * KIB + 1],
            [false, true, true],
        ),
        (0, [0, 1, 8], [true, true, true]),
        (KIB, [KIB - 1, KIB, 2 * KIB], [false, true, true]),
        (usize::MAX, [0, KIB, 4096 * KIB], [false, false, false]),
    ] {
        let options = ExternalizeOptions::new().with_threshold_bytes(threshold as u64);
        let externalizer = externalizer(InMemoryStorage::new(), options);
        let mut parts = vec![Part::text("look")];
        parts.extend(sizes.map(|size| Part::Media(png(1, size))));
        let mut messages = [Message::user(parts)];
        run(&externalizer, BatchKind::User, &mut messages).await;
        let left: Vec<bool> = messages[0]
            .media()
            .map(|c| c.reference().is_some())
            .collect();
        assert_eq!(left, expected, "threshold {threshold}");
        assert_eq!(messages[0].text(), "look");
    }
}

#[tokio::test]
async fn every_field_survives_and_the_store_knows_where_media_belongs() {
    let store = InMemoryStorage::new();
    let options = ExternalizeOptions::new().with_retention(Some(RetentionPolicy::RetainDays(3)));
    let externalizer = externalizer(store.clone(), options);
    let sent = png(1, 100 * KIB)
        .with_detail(Detail::High)
        .with_caption("c")
        .with_filename("a.png")
        .with_width(640)
        .with_attribute("x-own", json!({"deep": [1, null]}));
    let mut messages = [
        Message::user(vec!["look".into(), sent.clone().into()]),
        Message::assistant(vec![png(2, 110 * KIB).with_transcript("t").into()]),
    ];
    let report = run(&externalizer, BatchKind::Answer, &mut messages).await;
    assert_eq!(report.stored, 2);
    let kept = messages[0].media().next().unwrap();
    assert_eq!(kept.attributes(), sent.attributes());
    assert_eq!(
        (kept.mime(), kept.media_type()),
        (sent.mime(), sent.media_type())
    );
    let first = store
        .retrieve(kept.reference().unwrap())
        .await
        .unwrap()
        .metadata;
    assert_eq!(first.conversation(), Some(&owner().conversation));
    assert_eq!(first.session().unwrap().as_str(), "session-1");
    assert_eq!(first.run().unwrap().as_str(), "run-1");
    assert_eq!(first.user().unwrap().as_str(), "user-1");
    assert_eq!(
        (first.message_index(), first.content_index()),
        (Some(10), Some(1))
    );
    assert_eq!(first.created_at(), Some(messages[0].created_at));
    assert_eq!(first.filename(), Some("a.png"));
    assert_eq!(first.provider(), None);
    assert_eq!(first.retention(), Some(RetentionPolicy::RetainDays(3)));
    let second = messages[1]
        .media()
        .next()
        .unwrap()
        .reference()
        .unwrap()
        .clone();
    let second = store.retrieve(&second).await.unwrap().metadata;
    assert_eq!(second.provider(), Some("scripted"));
    assert_eq!(
        (second.message_index(), second.content_index()),
        (Some(11), Some(0))
    );
}

#[tokio::test]
async fn the_default_retention_of_the_store_holds_unless_told_otherwise() {
    let days = RetentionPolicy::RetainDays;
    for (told, expected) in [(None, days(7)), (Some(days(3)), days(3))] {
        let store = InMemoryStorage::new().with_default_retention(days(7));
        let options = ExternalizeOptions::new().with_retention(told);
        let externalizer = externalizer(store.clone(), options);
        let mut messages = [Message::user(vec![png(1, 200 * KIB).into()])];
        run(&externalizer, BatchKind::User, &mut messages).await;
        let reference = messages[0]
            .media()
            .next()
            .unwrap()
            .reference()
            .unwrap()
            .clone();
        let media = store.retrieve(&reference).await.unwrap();
        assert_eq!(media.metadata.retention(), Some(expected));
    }
}

#[tokio::test]
async fn a_reference_in_the_words_of_a_tool_is_no_permission() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let foreign = store
        .store_media(&png(9, 10), MediaMetadata::new())
        .await
        .unwrap();
    let foreign = MediaContent::from_reference(Mime::IMAGE_PNG, foreign);
    let mut spools = Spools::default();
    let received = spools.hold("a", png_bytes(1, 10));
    let text = |media: &MediaContent| serde_json::to_string(media).unwrap();
    let mut messages = [Message::tool(
        "call-1",
        vec![
            text(&foreign).into(),
            format!("[{}]", text(&received)).into(),
        ],
    )];
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::Answer).with_received(&spools);
    let mut pending = pending(&externalizer);
    externalizer
        .externalize(&batch, &mut messages, &mut pending)
        .await
        .unwrap();
    pending.commit();
    assert_eq!(
        shown(&messages[0]),
        [text(&foreign).as_str(), "[", "<image/png stored>", "]"]
    );
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn references_addresses_and_provider_files_stay_as_they_are() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(
        store.clone(),
        ExternalizeOptions::new()
            .with_threshold_bytes(0)
            .with_remote_media(RemoteMedia::PassThrough),
    );
    let reference = store
        .store_media(&png(9, 10), MediaMetadata::new())
        .await
        .unwrap();
    let url: MediaUrl = "https://example.com/a.png".parse().unwrap();
    let file = ProviderFile::new("openai", "file-1").unwrap();
    let media = [
        MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone()),
        MediaContent::from_url(Mime::IMAGE_PNG, url),
        MediaContent::new(
            Mime::APPLICATION_PDF,
            MediaSource::ProviderFile(file.clone()),
        ),
    ];
    let nested = json!({"x": serde_json::to_value(&media[2]).unwrap(), "y": [serde_json::to_value(&media[0]).unwrap()]});
    let mut parts: Vec<Part> = media.iter().cloned().map(Part::Media).collect();
    parts.push(serde_json::from_value(nested).unwrap());
    let before = Message::user(parts);
    let mut messages = [before.clone()];
    run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!(messages[0], before);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn received_media_is_stored_once_in_a_turn() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let mut spools = Spools::default();
    let (large, small) = (
        spools.hold("a", png_bytes(1, 200 * KIB)),
        spools.hold("b", png_bytes(2, 10)),
    );
    let owner = owner();
    let mut pending = pending(&externalizer);
    let batch = Batch::new(&owner, 3, BatchKind::Checkpoint).with_received(&spools);
    let message = Message::assistant(vec![large.clone().into(), small.into(), large.into()]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut messages = [message.clone()];
        let report = externalizer
            .externalize(&batch, &mut messages, &mut pending)
            .await
            .unwrap();
        assert_eq!(report.stored, 3);
        assert_eq!(
            pending.references().len(),
            if seen.is_empty() { 2 } else { 0 }
        );
        pending.commit();
        for (part, bytes) in
            messages[0]
                .content
                .iter()
                .zip([(1, 200 * KIB), (2, 10), (1, 200 * KIB)])
        {
            assert_eq!(bytes_of(&store, part).await, png_bytes(bytes.0, bytes.1));
        }
        seen.push(messages);
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(count(&store).await, 2);
    // What was committed is not rolled back by a later write that fails.
    let mut messages = [Message::assistant(vec![png(3, 200 * KIB).into()])];
    externalizer
        .externalize(&batch, &mut messages, &mut pending)
        .await
        .unwrap();
    assert_eq!(count(&store).await, 3);
    pending.rollback().await;
    drop(pending);
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn without_a_store_media_is_typed_and_stays() {
    let externalizer = Externalizer::new(
        None,
        MediaLoader::builder().build(),
        ExternalizeOptions::new(),
    );
    let mut spools = Spools::default();
    let received = spools.hold("a", png_bytes(1, 200 * KIB));
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::Answer).with_received(&spools);
    let jpeg = MediaContent::from_bytes(Mime::IMAGE_PNG, super::support::jpeg_bytes(2, 300 * KIB));
    let mut messages = [Message::assistant(vec![
        jpeg.into(),
        received.into(),
        MediaContent::from_path(Mime::IMAGE_PNG, "a.png").into(),
    ])];
    let mut pending = pending(&externalizer);
    let report = externalizer
        .externalize(&batch, &mut messages, &mut pending)
        .await
        .unwrap();
    assert_eq!(
        messages[0].content[2].as_media().unwrap().source(),
        &MediaSource::File("a.png".into())
    );
    messages[0].content.truncate(2);
    assert_eq!(
        shown(&messages[0]),
        ["<image/jpeg inline>", "<image/png inline>"]
    );
    assert!(report.failure.is_none() && report.omitted.is_empty());
}

#[tokio::test]
async fn stores_of_a_batch_are_bounded() {
    let store = FaultyStorage::new(InMemoryStorage::new());
    let options = ExternalizeOptions::new()
        .with_threshold_bytes(0)
        .with_concurrency(3);
    let externalizer = externalizer(store.clone(), options);
    store.inject(Fault::every(Call::Store).delay(std::time::Duration::from_millis(1)));
    let mut messages = [Message::user(
        (0..20)
            .map(|seed| png(seed, 50).into())
            .collect::<Vec<Part>>(),
    )];
    run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!(store.peak_in_flight(), 3);
    assert_eq!(
        messages[0]
            .media()
            .filter(|c| c.reference().is_some())
            .count(),
        20
    );
}

#[tokio::test]
async fn uploads_of_the_same_user_are_duplicated() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let user = owner().user.unwrap();
    let metadata = MediaMetadata::new()
        .with_user(user.clone())
        .with_filename("a.png".into())
        .with_retention(RetentionPolicy::RetainHours(24));
    let upload = store.store_media(&png(1, 500), metadata).await.unwrap();
    // A copy is on hold, too, and goes all the same where it comes to nothing.
    let hold = MetadataPatch::new().with_hold(true);
    store.update(&upload, hold).await.unwrap();
    let mut pending = pending(&externalizer);
    let scope = Scope::User(user);
    let copy = externalizer
        .duplicate_into(&upload, scope, &owner(), &mut pending)
        .await
        .unwrap();
    assert_ne!(copy, upload);
    let media = store.retrieve(&copy).await.unwrap();
    assert_eq!(media.metadata.conversation(), Some(&owner().conversation));
    assert_eq!(media.metadata.filename(), Some("a.png"));
    // The upload expires; what the conversation took over does not.
    assert_eq!(media.metadata.retention(), Some(RetentionPolicy::Retain));
    assert_eq!(media.body.bytes(500).await.unwrap(), png_bytes(1, 500));
    let other = Scope::User("user-2".parse().unwrap());
    let error = externalizer
        .duplicate_into(&upload, other, &owner(), &mut pending)
        .await
        .unwrap_err();
    assert_eq!(
        error.storage_error().unwrap().kind(),
        media_storage::StorageErrorKind::NotFound
    );
    assert_eq!(pending.references(), [copy]);
    pending.rollback().await;
    assert_eq!(count(&store).await, 1);
}
