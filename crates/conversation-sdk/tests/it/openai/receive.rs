//! Pictures on their way from the wire into the store.

use conversation_sdk::provider::{Delivery, ImageGenerator, ImageRequest};
use conversation_sdk::{
    ConversationManager, InMemoryStateStore, ManagerConfig, ProviderErrorKind as Kind, Response,
    Tool, ToolCall, ToolContext, ToolDefinition, ToolError, ToolOutput,
};
use media_storage::{InMemoryStorage, MediaStorageExt, Scope, Sha256Hasher};
use media_store_fs::FileStore;
use media_types::{MediaSource, base64};

use super::images::painted;
use super::peer::{Act, Peer, head};
use super::*;
use crate::receive::Spools;
use crate::support::{Scripted, config, pack, picture_bytes, says, stored};

/// Calls the generator of pictures with the turn's receiver and keeps its error.
#[derive(Clone, Debug)]
struct Draws {
    images: OpenAiImages,
    error: Arc<std::sync::Mutex<Option<ProviderError>>>,
}

impl Draws {
    fn new(images: OpenAiImages) -> Self {
        Self {
            images,
            error: Arc::default(),
        }
    }
}

#[async_trait::async_trait]
impl Tool for Draws {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("draw", "draws", json!({"type": "object"}))
    }
    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.call_in(arguments, &ToolContext::new()).await
    }
    async fn call_in(&self, _: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let request = ImageRequest::new("x").with_receiver(context.receiver().clone());
        match self.images.generate(request).await {
            Ok(made) => {
                let parts = made.images.into_iter().map(Part::Media);
                Ok(ToolOutput::new(parts.collect()))
            }
            Err(error) => {
                *self.error.lock().unwrap() = Some(error);
                Err(ToolError::new("no picture"))
            }
        }
    }
}

/// One turn in which the model has pictures drawn.
async fn draw(draws: &Draws, store: Arc<dyn MediaStorage>, settings: ManagerConfig) -> Response {
    draw_with(draws, store, settings, None).await
}

async fn draw_with(
    draws: &Draws,
    store: Arc<dyn MediaStorage>,
    settings: ManagerConfig,
    loader: Option<MediaLoader>,
) -> Response {
    let call = ToolCall::new("call-1", "draw", "{}");
    let provider = Scripted::new()
        .then_says(Completion::new(vec![]).with_tool_calls(vec![call]))
        .then_says(says("done"));
    let mut builder = ConversationManager::builder();
    if let Some(loader) = loader {
        builder = builder.with_media_loader(loader);
    }
    let manager = builder
        .with_provider(provider)
        .with_optional_media_storage(Some(store))
        .with_state_store(InMemoryStateStore::new())
        .with_tool(draws.clone())
        .with_config(settings)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation.send("draw").await.unwrap()
}

#[tokio::test]
async fn pictures_of_every_size_are_stored_byte_for_byte() {
    let sizes = [
        178, 1000, 102_400, 131_072, 1_000_003, 5_000_000, 20_000_000,
    ];
    let directory = tempfile::tempdir().unwrap();
    let spools = Spools::new();
    let store = FileStore::open(directory.path()).await.unwrap();
    let config = spools.config().with_media_size_threshold_kb(0);
    for (seed, size) in sizes.into_iter().enumerate() {
        let picture = picture_bytes(seed as u64, size);
        let body = painted(&[picture.to_vec()]).to_string().into_bytes();
        let head = head(200, &[], Some(body.len()), "application/json").into_bytes();
        let pieces = body.chunks(size / 3 + 7).map(<[u8]>::to_vec);
        let peer = Peer::start([Act::Send(std::iter::once(head).chain(pieces).collect())]).await;
        let draws = Draws::new(images(&peer, "gpt-image-1-mini"));
        let response = draw(&draws, Arc::new(store.clone()), config.clone()).await;
        let reference = response.media()[0].reference().unwrap();
        assert_eq!(reference.backend(), "file");
        assert_eq!(reference.size(), Some(size as u64));
        assert_eq!(reference.sha256(), Some(Sha256Hasher::digest(&picture)));
        let bytes = store.retrieve_bytes(reference, u64::MAX).await.unwrap();
        assert!(bytes == picture, "{size} bytes");
        spools.assert_empty();
    }
}

#[tokio::test]
async fn what_goes_wrong_on_the_wire_is_one_typed_error_and_leaves_nothing() {
    let body = painted(&[
        picture_bytes(1, 500_000).into(),
        picture_bytes(2, 400_000).into(),
    ]);
    let body = body.to_string();
    let half = body.len() / 2;
    let answer = |len: usize, text: &str| {
        let head = head(200, &[], Some(len), "application/json");
        Act::Send(vec![[head.as_bytes(), text.as_bytes()].concat()])
    };
    let broken = format!("{}*{}", &body[..half], &body[half + 1..]);
    let missing = spools_missing();
    for (act, config, limit, kind, words) in [
        // The peer closes in mid-body.
        (
            answer(body.len(), &body[..half]),
            None,
            None,
            Kind::Interrupted,
            None,
        ),
        // The stream ends early.
        (
            answer(half, &body[..half]),
            None,
            None,
            Kind::InvalidResponse,
            Some("the answer ends in its middle"),
        ),
        // Base64 breaks in the middle.
        (
            answer(body.len(), &broken),
            None,
            None,
            Kind::InvalidResponse,
            Some("media is not base64"),
        ),
        // More pictures than asked to be taken, and more than the turn may receive.
        (
            answer(body.len(), &body),
            None,
            Some(899_999),
            Kind::InvalidResponse,
            Some("the answer is too large"),
        ),
        (
            answer(body.len(), &body),
            Some(ManagerConfig::with_max_received_bytes as fn(_, u64) -> _),
            None,
            Kind::InvalidResponse,
            Some("the answer is too large"),
        ),
    ] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let peer = Peer::start([act]).await;
        let mut generator = images(&peer, "gpt-image-1-mini");
        if let Some(limit) = limit {
            generator = generator.with_max_answer_bytes(limit);
        }
        let draws = Draws::new(generator);
        let mut settings = spools.config();
        if let Some(change) = config {
            settings = change(settings, 899_999);
        }
        let response = draw(&draws, Arc::new(store.clone()), settings).await;
        assert_eq!(
            response.text(),
            "done",
            "a tool's failure is no failure of the turn"
        );
        let error = draws.error.lock().unwrap().take().unwrap();
        assert_eq!((error.kind(), error.message()), (kind, words), "{error:?}");
        assert_eq!(
            peer.received().len(),
            1,
            "paid pictures are not asked for again"
        );
        assert!(stored(&store, Scope::All).await.is_empty());
        spools.assert_empty();
    }
    let peer = Peer::start([answer(body.len(), &body)]).await;
    let draws = Draws::new(images(&peer, "gpt-image-1-mini"));
    let store = InMemoryStorage::new();
    draw(&draws, Arc::new(store.clone()), missing).await;
    let error = draws.error.lock().unwrap().take().unwrap();
    assert_eq!(error.kind(), Kind::Spool, "{error:?}");
    assert!(!error.is_retryable());
    assert!(stored(&store, Scope::All).await.is_empty());
}

/// A directory for spools that is not there.
fn spools_missing() -> ManagerConfig {
    let gone = tempfile::tempdir().unwrap().path().join("gone");
    ManagerConfig::default().with_spool_directory(gone)
}

#[tokio::test]
async fn pictures_that_come_as_events_are_received_too() {
    let picture = picture_bytes(1, 400_000);
    let event = |kind: &str, bytes: &[u8]| {
        let data = json!({"type": format!("image_generation.{kind}"), "output_format": "png",
            "b64_json": base64::encode(bytes), "partial_image_index": 0,
            "usage": {"input_tokens": 3, "output_tokens": 4}});
        format!("event: image_generation.{kind}\ndata: {data}\n\n")
    };
    let stream = [
        event("partial_image", &picture_bytes(2, 300_000)),
        event("completed", &picture),
    ]
    .concat();
    for size in [1000, 65_536, stream.len()] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let peer = Peer::start([Act::events(&stream, size)]).await;
        let generator = images(&peer, "gpt-image-1-mini").with_delivery(Delivery::Deltas);
        let draws = Draws::new(generator);
        let response = draw(&draws, Arc::new(store.clone()), spools.config()).await;
        assert_eq!(peer.only().json()["stream"], true);
        let reference = response.media()[0].reference().unwrap();
        assert!(store.retrieve_bytes(reference, u64::MAX).await.unwrap() == picture);
        assert_eq!(stored(&store, Scope::All).await.len(), 1);
        spools.assert_empty();
    }
}

#[tokio::test]
async fn an_address_that_nobody_may_fetch_stays_an_address() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let answer =
        json!({"data": [{"url": "http://127.0.0.1:9/a.png?sig=1", "revised_prompt": "a cat"}]});
    let peer = Peer::start([Act::json(200, &answer)]).await;
    let draws = Draws::new(images(&peer, "dall-e-3"));
    let response = draw(&draws, Arc::new(store.clone()), spools.config()).await;
    let content = &response.media()[0];
    assert!(matches!(content.source(), MediaSource::Url(_)));
    assert_eq!(content.caption(), Some("a cat"));
    assert!(stored(&store, Scope::All).await.is_empty());
    spools.assert_empty();
}

/// The same turn, with a loader that may fetch from this machine.
#[cfg(feature = "http")]
#[tokio::test]
async fn a_picture_at_an_address_is_fetched_while_it_is_there() {
    use media_loader::UrlPolicy;

    let picture = picture_bytes(1, 400_000);
    let host = |len: usize, served: &[u8]| {
        let head = head(200, &[], Some(len), "image/png").into_bytes();
        Act::Send(vec![[head, served.to_vec()].concat()])
    };
    for (act, is_fetched) in [
        (host(picture.len(), &picture), true),
        // It breaks off.
        (host(picture.len(), &picture[..300_000]), false),
        (Act::reply(404, &[], "gone"), false),
    ] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let files = Peer::start([act]).await;
        let url = format!("{}/a.png?sig=1", files.url());
        let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
        let network: media_loader::IpNetwork = "127.0.0.1/32".parse().unwrap();
        let policy = UrlPolicy::public()
            .with_http_allowed()
            .with_allowed_port(port)
            .with_allowed_address(network);
        let answer = json!({"data": [{"url": url, "revised_prompt": "a cat"}]});
        let peer = Peer::start([Act::json(200, &answer)]).await;
        let draws = Draws::new(images(&peer, "dall-e-3"));
        let loader = MediaLoader::builder().with_url_policy(policy).build();
        let store_of_turn: Arc<dyn MediaStorage> = Arc::new(store.clone());
        let response = draw_with(&draws, store_of_turn, spools.config(), Some(loader)).await;
        let content = &response.media()[0];
        assert_eq!(content.caption(), Some("a cat"));
        match content.source() {
            MediaSource::Stored(reference) if is_fetched => {
                assert!(store.retrieve_bytes(reference, u64::MAX).await.unwrap() == picture);
            }
            MediaSource::Url(_) if !is_fetched => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(
            stored(&store, Scope::All).await.len(),
            usize::from(is_fetched)
        );
        spools.assert_empty();
    }
}

/// Where writing a file ends at 256 KiB, as it would on a full disk. Run below in a process of its
/// own, since the limit is the process's.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "run by the test below in a process of its own"]
async fn with_a_full_disk() {
    let spools = Spools::new();
    let store = InMemoryStorage::new();
    let body = painted(&[picture_bytes(1, 1_000_000).into()]).to_string();
    let peer = Peer::start([Act::reply(200, &[], &body)]).await;
    let draws = Draws::new(images(&peer, "gpt-image-1-mini"));
    let response = draw(&draws, Arc::new(store.clone()), spools.config()).await;
    assert_eq!(response.text(), "done");
    let error = draws.error.lock().unwrap().take().unwrap();
    assert_eq!(error.kind(), Kind::Spool, "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the spool for received media failed");
    assert!(stored(&store, Scope::All).await.is_empty());
    spools.assert_empty();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_typed_error_and_leaves_nothing() {
    let program = std::env::current_exe().unwrap();
    // The signal of the limit is ignored, so that the write fails as on a full disk.
    let script = r#"trap '' XFSZ; ulimit -f 512; exec "$0" "$@""#;
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(program)
        .args([
            "--exact",
            "openai::receive::with_a_full_disk",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("1 passed"),
        "{shown}"
    );
}
