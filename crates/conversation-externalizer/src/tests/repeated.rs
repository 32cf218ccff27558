//! Media at URLs that comes more than once: as copies in a message, and in another attempt to write.

use conversation_types::Message;
use media_storage::InMemoryStorage;
use media_types::{MediaContent, Mime};

use super::remote::{Server, image, kept};
use super::support::{bytes_of, count, owner, pending, run};
use crate::{Batch, BatchKind, ExternalizeOptions, Externalizer, FetchedMedia, PendingReferences};

/// One attempt to store a message.
async fn attempt(
    externalizer: &Externalizer,
    fetched: &FetchedMedia,
    message: &Message,
    pending: &mut PendingReferences,
) -> Message {
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::User).with_fetched(fetched);
    let mut messages = [message.clone()];
    let externalizing = externalizer.externalize(&batch, &mut messages, pending);
    externalizing.await.unwrap();
    let [message] = messages;
    message
}

#[tokio::test]
async fn copies_of_a_url_have_the_type_of_what_is_there() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let declared = |mime: Mime| {
        let source = server.at("a.png").source().clone();
        MediaContent::new(mime, source)
    };
    let types = [
        Mime::IMAGE_JPEG,
        Mime::IMAGE_PNG,
        Mime::IMAGE_GIF,
        Mime::OCTET_STREAM,
    ];
    for first in 0..types.len() {
        let mut types = types.clone();
        types.swap(0, first);
        let content = types.map(|mime| declared(mime).into());
        let mut messages = [Message::user(content.to_vec())];
        let report = run(&externalizer, BatchKind::User, &mut messages).await;
        let found: Vec<_> = messages[0].media().map(MediaContent::mime).collect();
        assert_eq!(found, [&Mime::IMAGE_PNG; 4], "{first}");
        // Each that said something else is reported.
        assert_eq!(report.corrections.len(), 3, "{:?}", report.corrections);
    }
    assert_eq!(server.asked(), types.len());
}

#[tokio::test]
async fn where_the_first_copy_declares_another_kind_none_is_fetched() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let document = MediaContent::new(Mime::APPLICATION_PDF, server.at("a.png").source().clone());
    let before = Message::user(vec![document.into(), server.at("a.png").into()]);
    let mut messages = [before.clone()];
    run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!((&messages[0], server.asked()), (&before, 1));
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn another_attempt_fetches_nothing_again() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let fetched = FetchedMedia::default();
    let large = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![7; 200 * 1024]);
    let message = Message::user(vec![
        server.at("a.png?sig=hush").into(),
        MediaContent::new(Mime::IMAGE_JPEG, server.at("b.png").source().clone()).into(),
        large.into(),
    ]);
    for _ in 0..3 {
        let mut pending = pending(&externalizer);
        let written = attempt(&externalizer, &fetched, &message, &mut pending).await;
        assert_eq!((server.asked(), count(&store).await), (2, 3));
        assert_eq!(bytes_of(&store, &written.content[1]).await, image(2));
        let types: Vec<_> = written.media().map(MediaContent::mime).collect();
        assert_eq!(types[..2], [&Mime::IMAGE_PNG; 2]);
        // The write has not happened and never will.
        pending.begin_write();
        fetched.keep_from(&mut pending);
        pending.rollback().await;
        assert_eq!(count(&store).await, 2);
    }
    // The last one has.
    let mut pending = pending(&externalizer);
    attempt(&externalizer, &fetched, &message, &mut pending).await;
    pending.begin_write();
    pending.commit();
    drop((pending, fetched));
    assert_eq!((server.asked(), count(&store).await), (2, 3));
}

#[tokio::test]
async fn what_no_attempt_names_any_more_is_deleted() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let fetched = FetchedMedia::default();
    let both = Message::user(vec![server.at("a.png").into(), server.at("b.png").into()]);
    let mut first = pending(&externalizer);
    attempt(&externalizer, &fetched, &both, &mut first).await;
    fetched.keep_from(&mut first);
    // Another one has changed the message meanwhile.
    let one = Message::user(vec![server.at("b.png").into()]);
    let mut second = pending(&externalizer);
    attempt(&externalizer, &fetched, &one, &mut second).await;
    assert_eq!(second.references().len(), 1);
    until(&store, 1).await;
    // And nobody goes on.
    fetched.keep_from(&mut second);
    drop(second);
    assert_eq!(count(&store).await, 1);
    drop(fetched);
    until(&store, 0).await;
    assert_eq!(server.asked(), 2);
}

/// Waits until a task has deleted what is too much.
async fn until(store: &InMemoryStorage, expected: u64) {
    let reached = async {
        while count(store).await != expected {
            tokio::task::yield_now().await;
        }
    };
    let guard = std::time::Duration::from_secs(120);
    tokio::time::timeout(guard, reached).await.unwrap();
}
