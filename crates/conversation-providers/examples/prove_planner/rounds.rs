//! A conversation with images, turn by turn, and the requests that it makes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::body::RequestBody;
use conversation_providers::{
    ApiFormat, Capabilities, MediaContext, MemoryPlannerStore, PlannerKey, PlannerState,
    PlannerStore, ProviderRequest,
};
use conversation_types::{Message, Part, RawJson, Role, UserMessage};
use futures_util::TryStreamExt;
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, SignedUrl, SignedUrlOptions,
    StorageError, UrlSigner,
};
use media_types::{MediaContent, MediaUrl, Mime, StorageReference};
use serde_json::json;

/// What happens between the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Nothing.
    Nothing,
    /// The clock goes an hour further each turn, and the store signs URLs.
    Hours,
    /// Two models answer in turn.
    TwoModels,
    /// The process starts anew: what the planner keeps is read back from its row.
    Restarts,
    /// Every third request fails; its message is taken back.
    Failures,
}

pub(crate) const DISTURBANCES: [Disturbance; 5] = [
    Disturbance::Nothing,
    Disturbance::Hours,
    Disturbance::TwoModels,
    Disturbance::Restarts,
    Disturbance::Failures,
];

pub(crate) const FORMATS: [ApiFormat; 4] = [
    ApiFormat::OPENAI_CHAT,
    ApiFormat::OPENAI_RESPONSES,
    ApiFormat::ANTHROPIC_MESSAGES,
    ApiFormat::GEMINI_CONTENTS,
];

/// A conversation to be played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) format: ApiFormat,
    pub(crate) disturbance: Disturbance,
    pub(crate) turns: usize,
    pub(crate) images: usize,
    pub(crate) image_bytes: usize,
    pub(crate) words: usize,
    pub(crate) max_images: Option<usize>,
    pub(crate) max_bytes: Option<u64>,
}

/// One request that was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) bytes: u64,
    pub(crate) predicted: u64,
    pub(crate) images: usize,
    /// Bytes at the beginning that are those of the request before to the same model.
    pub(crate) shared: u64,
    /// Bytes of that request, without what closes it.
    pub(crate) before: u64,
    pub(crate) first_difference: Option<usize>,
    /// Bytes of the planner's row.
    pub(crate) state: usize,
}

impl Sent {
    /// Whether the request does not begin as the one before it.
    pub(crate) fn changed(&self) -> bool {
        self.shared < self.before
    }
}

/// Plays a conversation; returns its requests.
pub(crate) async fn play(script: Script) -> Vec<Sent> {
    let store = Arc::new(Signing {
        store: InMemoryStorage::new(),
        hour: AtomicU64::new(0),
        signs: script.disturbance == Disturbance::Hours,
    });
    let capabilities = capabilities(script);
    let api = capabilities
        .api(script.format.capability_name())
        .unwrap_or_default();
    let mut planner = Arc::new(MemoryPlannerStore::new());
    let mut messages: Vec<Message> = Vec::new();
    let mut before: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
    let mut sent = Vec::new();
    let mut seed = 0;
    for turn in 0..script.turns {
        let model = match script.disturbance {
            Disturbance::TwoModels => turn % 2,
            _ => 0,
        };
        let name = ["model-a", "model-b"][model];
        let key = PlannerKey::new(script.format.family(), "", name);
        if script.disturbance == Disturbance::Restarts {
            let row = planner.load(&key).await.to_json();
            planner = Arc::new(MemoryPlannerStore::new());
            planner.accepted(&key, PlannerState::from_json(&row));
        }
        store.hour.store(turn as u64, Ordering::SeqCst);
        let media = MediaContext::from_stores([Arc::clone(&store) as Arc<dyn MediaStorage>])
            .with_planner_store(Arc::clone(&planner) as Arc<dyn PlannerStore>);
        if script.disturbance == Disturbance::Failures && turn % 3 == 2 {
            let lost = message(&store, script, turn, &mut seed).await;
            let all = [messages.clone(), vec![lost]].concat();
            let request = ProviderRequest::new(&all);
            let body = RequestBody::new(script.format, name, &request, &api, &media).await;
            drop(body);
        }
        messages.push(message(&store, script, turn, &mut seed).await);
        let request = ProviderRequest::new(&messages).with_system(Some("Be brief."));
        let body = RequestBody::new(script.format, name, &request, &api, &media).await;
        let Ok(body) = body else {
            return sent;
        };
        let pieces: Result<Vec<_>, _> = body.stream().try_collect().await;
        let bytes = pieces.unwrap_or_default().concat();
        let last = &mut before[model];
        let same = bytes.iter().zip(last.iter()).take_while(|(a, b)| a == b);
        sent.push(Sent {
            bytes: bytes.len() as u64,
            predicted: body.request_plan().predicted_bytes(),
            images: body.plan().sent(),
            shared: same.count() as u64,
            before: last.len() as u64,
            first_difference: body.request_plan().first_difference(),
            state: body.request_plan().state().to_json().get().len(),
        });
        body.accepted();
        *last = bytes.strip_suffix(b"]}").unwrap_or(&bytes).to_vec();
        messages.push(Message::new(
            Role::Assistant,
            vec![Part::from(format!("I see {turn}."))],
        ));
    }
    sent
}

fn capabilities(script: Script) -> Capabilities {
    let api = json!({
        "max_images": script.max_images,
        "max_request_bytes": script.max_bytes,
        "cache_seconds": 3600,
        "media": [{"mime": ["image/*"], "forms": ["url", "base64"]}]
    });
    let file = json!({
        "format_version": 1, "revised": "r", "apis": {script.format.capability_name(): api}
    });
    Capabilities::from_json(&file.to_string()).unwrap_or_default()
}

/// A message of the user with images that are all different.
async fn message(store: &Signing, script: Script, turn: usize, seed: &mut u64) -> Message {
    let words = format!("Turn {turn}. {}", "word ".repeat(script.words / 5));
    let mut message = UserMessage::new().with_part(words.as_str());
    for _ in 0..script.images {
        *seed += 1;
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut state = *seed;
        while bytes.len() < script.image_bytes {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(*seed);
            bytes.extend_from_slice(&state.to_be_bytes());
        }
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes);
        let stored = store.store.store_media(&inline, MediaMetadata::new()).await;
        message = match stored {
            Ok(stored) => message.with_part(MediaContent::from_reference(Mime::IMAGE_PNG, stored)),
            Err(_) => message.with_part(inline),
        };
    }
    Message::user(message)
}

/// A store that signs URLs anew each hour.
#[derive(Debug)]
struct Signing {
    store: InMemoryStorage,
    hour: AtomicU64,
    signs: bool,
}

#[async_trait]
impl UrlSigner for Signing {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let hour = self.hour.load(Ordering::SeqCst);
        let url = format!(
            "https://bucket.example.com/{}?X-Hour={hour}",
            reference.id()
        );
        let validity = options.validity() + Duration::from_secs(60);
        Ok(SignedUrl::new(
            MediaUrl::new(url)?,
            chrono::Utc::now() + validity,
        ))
    }
}

#[async_trait]
impl MediaStorage for Signing {
    media_storage::forward_storage!(self => self.store; backend, store, retrieve_opts, delete_opts);

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.signs.then_some(self)
    }
}

/// Reads a row that another version or nobody wrote.
#[allow(dead_code, reason = "used by tests")]
pub(crate) fn state_of(text: &str) -> Option<PlannerState> {
    RawJson::from_text(text)
        .ok()
        .map(|row| PlannerState::from_json(&row))
}
