//! What planning asks for, and what sending reads.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorageExt, RetrieveOptions, StorageError, StoredMedia,
};
use media_types::StorageReference;

use super::*;

/// Counts what is asked of a store.
#[derive(Debug, Default)]
struct Counted {
    store: InMemoryStorage,
    looks: AtomicUsize,
    reads: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[async_trait]
impl MediaStorage for Counted {
    media_storage::forward_storage!(self => self.store; backend, store, delete_opts);

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let counter = if options.head() {
            &self.looks
        } else {
            &self.reads
        };
        counter.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        // Others get their turn, as with any store that waits for something.
        tokio::task::yield_now().await;
        let found = self.store.retrieve_opts(reference, options).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        found
    }
}

#[tokio::test]
async fn planning_opens_nothing_and_each_sending_reads_once() {
    let store = Arc::new(Counted::default());
    let mut media = Vec::new();
    for len in 100..200 {
        let stored = store.store_media(&png_of(len), MediaMetadata::new()).await;
        media.push(MediaContent::from_reference(
            Mime::IMAGE_PNG,
            stored.unwrap(),
        ));
    }
    let messages = [user_with("see", media)];
    let request = ProviderRequest::new(&messages);
    let context = over(Arc::clone(&store) as Arc<dyn MediaStorage>);
    let body = body_by(
        &without_limits(),
        ApiFormat::OPENAI_CHAT,
        &request,
        &context,
    )
    .await;
    assert_eq!(store.looks.load(Ordering::SeqCst), 100);
    assert_eq!(store.reads.load(Ordering::SeqCst), 0);
    let most = store.most_at_once.swap(0, Ordering::SeqCst);
    assert!((2..=16).contains(&most), "{most}");

    let first = text(&body).await;
    assert_eq!(store.reads.load(Ordering::SeqCst), 100);
    assert_eq!(store.most_at_once.load(Ordering::SeqCst), 1);
    // A retry reads anew.
    assert!(first == text(&body).await);
    assert_eq!(store.reads.load(Ordering::SeqCst), 200);
    assert_eq!(store.looks.load(Ordering::SeqCst), 100);
}

#[cfg(feature = "http")]
mod remote {
    use std::sync::Mutex;

    use media_loader::UrlPolicy;
    use media_storage_testkit::{MockRequest, MockResponse, MockServer};
    use media_types::MediaUrl;

    use super::*;

    /// Serves pictures of the size that their path names; with or without telling it.
    fn serve(request: &MockRequest, tells: bool) -> MockResponse {
        let len: usize = request.path().trim_start_matches('/').parse().unwrap();
        let bytes = crate::support::picture_bytes(len as u64, len);
        let told = tells.then_some(len);
        MockResponse::new(200, "image/png", bytes).with_declared_len(told)
    }

    #[tokio::test]
    async fn remote_media_is_kept_only_where_there_is_room() {
        for tells in [true, false] {
            let asked = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&asked);
            let server = MockServer::start(move |request: MockRequest| {
                let path = request.path().to_owned();
                log.lock().unwrap().push(path);
                std::future::ready(serve(&request, tells))
            });
            let server = server.await.unwrap();
            let address = server.address();
            let policy = UrlPolicy::public()
                .with_http_allowed()
                .with_allowed_port(address.port())
                .with_allowed_address(address.ip());
            let loader = MediaLoader::builder().with_url_policy(policy).build();
            let media = MediaContext::new(loader, None);
            let sizes = [100_000, 6_000_000, 200_000];
            let remote = sizes.map(|len| {
                let url = MediaUrl::new(server.url(&len.to_string())).unwrap();
                MediaContent::from_url(Mime::IMAGE_PNG, url)
            });
            let messages = [user_with("see", remote)];
            let request = ProviderRequest::new(&messages);
            let rules = r#"{"format_version":1,"revised":"r","apis":{"anthropic.messages":{
                "media":[{"mime":["image/*"],"forms":["base64"]}]}}}"#;
            let rules = Capabilities::from_json(rules).unwrap();
            let format = ApiFormat::ANTHROPIC_MESSAGES;
            let body = body_by(&rules, format, &request, &media).await;
            assert!(
                body.omitted_media().is_empty(),
                "{:?}",
                body.omitted_media()
            );
            let sent = json_of(&body).await;
            for (at, len) in sizes.into_iter().enumerate() {
                let data = &sent["messages"][0]["content"][at + 1]["source"]["data"];
                let expected = crate::support::picture_bytes(len as u64, len);
                assert!(decoded(data.as_str().unwrap()) == expected, "{tells} {len}");
            }
            let large = asked.lock().unwrap();
            let large = large.iter().filter(|path| *path == "/6000000").count();
            assert_eq!(large, 2, "{tells}");
        }
    }
}
