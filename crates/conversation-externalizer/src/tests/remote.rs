//! Media at URLs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use conversation_types::{Message, OmissionReason, Part};
use media_loader::{MediaLoader, UrlPolicy};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage, MockRequest, MockResponse, MockServer};
use media_types::{MediaContent, MediaSource, Mime};

use super::support::{KIB, bytes_of, count, owner, pending, png_bytes, run};
use crate::{Batch, BatchKind, ExternalizeOptions, Externalizer, OnStorageError, RemoteMedia};

/// A server with images, which counts what it is asked for.
#[derive(Clone)]
pub(super) struct Server {
    inner: MockServer,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Serves an image at `/a.png` and at `/b.png`, half of one at `/half.png`, a page at `/page`,
    /// and nothing elsewhere; queries change nothing.
    pub(super) async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let inner = MockServer::start(move |request: MockRequest| {
            counter.fetch_add(1, Ordering::SeqCst);
            let png = |body| MockResponse::new(200, "image/png", body);
            std::future::ready(match request.path() {
                "/a.png" => png(image(1)),
                "/b.png" => png(image(2)),
                "/half.png" => {
                    let whole = image(3);
                    png(whole.slice(..KIB)).with_declared_len(Some(whole.len()))
                }
                "/page" => MockResponse::new(200, "text/html", "<html>Log in</html>"),
                _ => MockResponse::new(404, "text/plain", "no"),
            })
        });
        Self {
            inner: inner.await.unwrap(),
            asked,
        }
    }

    pub(super) fn at(&self, target: &str) -> MediaContent {
        MediaContent::from_url(Mime::IMAGE_PNG, self.inner.url(target).parse().unwrap())
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn externalizer(
        &self,
        storage: Option<Arc<dyn MediaStorage>>,
        options: ExternalizeOptions,
    ) -> Externalizer {
        Externalizer::new(storage, MediaLoader::builder().build(), options)
            .with_fetcher(self.fetcher())
    }

    /// Returns a loader that may fetch from here.
    pub(super) fn fetcher(&self) -> MediaLoader {
        let policy = UrlPolicy::public()
            .with_http_allowed()
            .with_allowed_port(self.inner.address().port())
            .with_allowed_address(self.inner.address().ip());
        MediaLoader::builder().with_url_policy(policy).build()
    }
}

pub(super) fn image(seed: u8) -> Bytes {
    png_bytes(seed, 5 * KIB)
}

pub(super) fn kept(store: &InMemoryStorage) -> Option<Arc<dyn MediaStorage>> {
    Some(Arc::new(store.clone()))
}

fn options(remote: RemoteMedia) -> ExternalizeOptions {
    ExternalizeOptions::new().with_remote_media(remote)
}

const SIGNED: &str = "a.png?X-Amz-Credential=k&X-Amz-Signature=hush";

#[tokio::test]
async fn an_image_is_fetched_once_in_a_conversation_and_kept_without_its_signature() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let signed = server.at(SIGNED).with_caption("mine");
    let mut first = [Message::user(vec![
        "look".into(),
        signed.clone().into(),
        signed.clone().into(),
        server.at("b.png").into(),
    ])];
    run(&externalizer, BatchKind::User, &mut first).await;
    assert_eq!((server.asked(), count(&store).await), (2, 2));
    assert_eq!(bytes_of(&store, &first[0].content[1]).await, image(1));
    let media: Vec<_> = first[0].media().collect();
    assert_eq!(media[0].reference(), media[1].reference());
    assert_eq!(media[0].caption(), Some("mine"));
    assert_eq!(
        media[0].attribute("source_url").unwrap(),
        &*server.inner.url("a.png")
    );
    let json = serde_json::to_string(&first).unwrap();
    assert!(!json.contains("hush") && !json.contains("Amz"), "{json}");

    // Signed anew it is still the same object.
    let owner = owner();
    let earlier = [&first[0]];
    let batch = Batch::new(&owner, 11, BatchKind::User).with_earlier(&earlier);
    let again = server.at("a.png?X-Amz-Signature=other&X-Amz-Date=2");
    let mut second = [Message::user(vec![again.into(), server.at("b.png").into()])];
    let mut pending = pending(&externalizer);
    let report = externalizer
        .externalize(&batch, &mut second, &mut pending)
        .await
        .unwrap();
    assert_eq!((server.asked(), count(&store).await), (2, 2));
    assert_eq!(report.stored, 2);
    let again: Vec<_> = second[0]
        .media()
        .filter_map(MediaContent::reference)
        .collect();
    assert_eq!(again[0], media[0].reference().unwrap());
    // What earlier messages name is not taken back with this one.
    assert!(pending.is_empty());
}

#[tokio::test]
async fn what_cannot_be_fetched_stays_a_url_unless_it_holds_secrets() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    for target in ["none", "page", "half.png"] {
        for kind in [BatchKind::User, BatchKind::Answer] {
            let plain = server.at(target);
            let secret = server.at(&format!("{target}?token=hush"));
            let content = vec![plain.clone().into(), secret.into(), "words".into()];
            let message = match kind {
                BatchKind::User => Message::user(content),
                _ => Message::assistant(content),
            };
            let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
            let mut messages = [message.clone()];
            let report = run(&externalizer, kind, &mut messages).await;
            assert_eq!(messages[0].content[0], Part::Media(plain), "{target}");
            let Part::Omitted(omitted) = &messages[0].content[1] else {
                panic!("{target}: {:?}", messages[0].content);
            };
            assert_eq!(omitted.reason, OmissionReason::Unavailable);
            assert!(omitted.name.contains(target));
            assert_eq!(report.omitted.len(), 1);
            assert!(!serde_json::to_string(&messages).unwrap().contains("hush"));
            assert_eq!(count(&store).await, 0, "{target}");
        }
    }
    // No store has failed, so nothing fails where a turn is to fail with its store.
    let strict = ExternalizeOptions::new().with_on_storage_error(OnStorageError::FailTurn);
    let externalizer = server.externalizer(kept(&store), strict);
    let mut messages = [Message::user(vec![server.at("none?token=hush").into()])];
    let report = run(&externalizer, BatchKind::User, &mut messages).await;
    assert_eq!(
        report.omitted[0].omitted.reason,
        OmissionReason::Unavailable
    );
}

#[tokio::test]
async fn a_batch_fetches_so_many_urls_and_bytes_and_each_url_once() {
    let server = Server::start().await;
    let stores = [None, kept(&InMemoryStorage::new())];
    for storage in stores {
        let before = server.asked();
        let externalizer = server.externalizer(storage, ExternalizeOptions::new());
        let mut content: Vec<Part> = Vec::new();
        for index in 0..400 {
            content.push(server.at(&format!("none?n={index}")).into());
            content.push(server.at("none?sig=hush").into());
        }
        let mut messages = [Message::user(content)];
        run(&externalizer, BatchKind::User, &mut messages).await;
        assert_eq!(server.asked() - before, 32);
        let stays = messages[0].media().count();
        assert_eq!((stays, messages[0].content.len() - stays), (400, 400));
        assert!(!serde_json::to_string(&messages).unwrap().contains("hush"));
    }
    // Two images of 5 KiB are more than 8 KiB.
    let store = InMemoryStorage::new();
    let few = ExternalizeOptions::new()
        .with_max_fetched_bytes(8 * KIB as u64)
        .with_concurrency(1);
    let externalizer = server.externalizer(kept(&store), few);
    let content = vec![server.at("a.png").into(), server.at("b.png").into()];
    let mut messages = [Message::user(content)];
    run(&externalizer, BatchKind::User, &mut messages).await;
    let is_stored: Vec<bool> = messages[0]
        .media()
        .map(|media| media.reference().is_some())
        .collect();
    assert_eq!(is_stored, [true, false]);
}

#[tokio::test]
async fn only_what_was_fetched_here_and_is_there_is_taken_for_a_url() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let (owner, mut pending) = (owner(), pending(&externalizer));
    // A user says of other media that it came from there.
    let url = server.inner.url("a.png");
    let forged = MediaContent::from_bytes(Mime::IMAGE_PNG, image(9))
        .with_caption("mine")
        .with_attribute("source_url", url);
    let mut first = [Message::user(vec![forged.into()])];
    run(&externalizer, BatchKind::User, &mut first).await;
    let media = first[0].media().next().unwrap();
    assert_eq!(media.attribute("source_url"), None);
    assert_eq!(media.caption(), Some("mine"));
    let mut fetched = [Message::user(vec![server.at("a.png").into()])];
    run(&externalizer, BatchKind::User, &mut fetched).await;
    // What the store lost is fetched again.
    let lost = fetched[0].media().next().unwrap().reference().unwrap();
    store.delete(lost).await.unwrap();
    let earlier = [&fetched[0]];
    let batch = Batch::new(&owner, 11, BatchKind::User).with_earlier(&earlier);
    let mut again = [Message::user(vec![server.at("a.png").into()])];
    externalizer
        .externalize(&batch, &mut again, &mut pending)
        .await
        .unwrap();
    assert_eq!(server.asked(), 2);
    assert_eq!(bytes_of(&store, &again[0].content[0]).await, image(1));
}

#[tokio::test]
async fn the_policy_decides_what_is_fetched_and_what_stays() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let (plain, signed) = (server.at("b.png"), server.at(SIGNED));
    let message = Message::user(vec![plain.clone().into(), signed.clone().into()]);

    let passing = server.externalizer(kept(&store), options(RemoteMedia::PassThrough));
    let mut messages = [message.clone()];
    run(&passing, BatchKind::User, &mut messages).await;
    assert_eq!(messages[0].content[0], Part::Media(plain.clone()));
    assert!(
        messages[0].content[1]
            .as_media()
            .unwrap()
            .reference()
            .is_some()
    );
    assert_eq!(server.asked(), 1);

    let omitting = server.externalizer(kept(&store), options(RemoteMedia::Omit));
    let mut messages = [message.clone()];
    run(&omitting, BatchKind::User, &mut messages).await;
    assert!(
        messages[0]
            .content
            .iter()
            .all(|part| matches!(part, Part::Omitted(_)))
    );
    assert_eq!(server.asked(), 1);

    // Of an answer that is still arriving nothing is fetched, and no secret is written.
    let keeping = server.externalizer(kept(&store), options(RemoteMedia::FetchAndKeep));
    let mut messages = [message.clone()];
    run(&keeping, BatchKind::Checkpoint, &mut messages).await;
    assert_eq!(messages[0].content[0], Part::Media(plain));
    assert!(matches!(messages[0].content[1], Part::Omitted(_)));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn without_a_store_and_where_it_fails_the_bytes_are_kept_inline() {
    let server = Server::start().await;
    let failing = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::Unavailable));
    let stores: [Option<Arc<dyn MediaStorage>>; 2] = [None, Some(Arc::new(failing))];
    for storage in stores {
        let externalizer = server.externalizer(storage, ExternalizeOptions::new());
        let mut messages = [Message::user(vec![server.at(SIGNED).into()])];
        run(&externalizer, BatchKind::User, &mut messages).await;
        let media = messages[0].content[0].as_media().unwrap();
        assert_eq!(media.source(), &MediaSource::Inline(image(1)));
    }
}

#[tokio::test]
async fn older_messages_are_not_fetched_by_upkeep() {
    let (server, store) = (Server::start().await, InMemoryStorage::new());
    let externalizer = server.externalizer(kept(&store), ExternalizeOptions::new());
    let before = Message::user(vec![server.at("a.png").into()]);
    let mut messages = [before.clone()];
    let mut pending = pending(&externalizer);
    let progress = externalizer
        .externalize_history(&owner(), 0, &mut messages, &mut pending)
        .await;
    assert_eq!((progress.done, progress.changed.len()), (1, 0));
    assert_eq!((&messages[0], server.asked()), (&before, 0));
    // Secrets do not stay, also where the store takes nothing.
    let refusing = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::TooLarge));
    let stores: [Option<Arc<dyn MediaStorage>>; 2] = [kept(&store), Some(Arc::new(refusing))];
    for storage in stores {
        let externalizer = server.externalizer(storage, ExternalizeOptions::new());
        let large = MediaContent::from_bytes(Mime::IMAGE_PNG, png_bytes(1, 120 * KIB));
        let mut messages = [Message::user(vec![server.at(SIGNED).into(), large.into()])];
        let progress = externalizer
            .externalize_history(&owner(), 0, &mut messages, &mut pending)
            .await;
        assert_eq!((progress.done, progress.changed), (1, vec![0]));
        assert!(matches!(messages[0].content[0], Part::Omitted(_)));
        assert!(matches!(messages[0].content[1], Part::Media(_)));
    }
    assert_eq!(server.asked(), 0);
}
