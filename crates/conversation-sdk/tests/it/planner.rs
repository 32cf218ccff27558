//! What a planner keeps of a conversation: written with the answer, read by the next node.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_providers::body::RequestBody;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_providers::{
    ApiFormat, Capabilities, MediaContext, PlannerKey, PlannerState, Provider, ProviderError,
    ProviderRequest, ProviderResponse,
};
use conversation_sdk::{Conversation, Owner, StateStore, Window};
use conversation_state::LoadOptions;

use crate::support::{KIB, Rig, image};

const FORMAT: ApiFormat = ApiFormat::ANTHROPIC_MESSAGES;

/// Plans each request for an API that takes three images, and answers by a script.
#[derive(Clone, Debug)]
struct Planning {
    inner: ScriptedProvider,
    /// Whether requests are accepted.
    accepts: bool,
    /// Of each request: the images that are sent, and whether anything was known.
    planned: Arc<Mutex<Vec<(usize, bool)>>>,
}

impl Planning {
    fn new(accepts: bool) -> Self {
        let inner = (0..9).fold(ScriptedProvider::new(), |provider, _| {
            provider.with_answer(ScriptedAnswer::new().text("yes"))
        });
        Self {
            inner,
            accepts,
            planned: Arc::default(),
        }
    }
}

#[async_trait]
impl Provider for Planning {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn model(&self) -> &str {
        self.inner.model()
    }
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let file = r#"{"format_version":1,"revised":"r","apis":{"anthropic.messages":{
            "max_images":3,"media":[{"mime":["image/*"],"forms":["base64"]}]}}}"#;
        let api = Capabilities::from_json(file)
            .unwrap()
            .api("anthropic.messages")
            .unwrap();
        let body = RequestBody::new(FORMAT, self.model(), &request, &api, media).await?;
        let state = body.request_plan().state();
        let knew = body.request_plan().knows_before();
        self.planned
            .lock()
            .unwrap()
            .push((body.plan().sent(), knew));
        assert_ne!(state, PlannerState::default());
        if self.accepts {
            body.accepted();
        }
        self.inner.complete(request, media).await
    }
}

async fn row(rig: &Rig, conversation: &Conversation) -> Option<PlannerState> {
    let key = PlannerKey::new(FORMAT.family(), "", "scripted-1");
    let options = LoadOptions::new(Window::MetadataOnly).with_planner(key.as_str());
    let loaded = rig
        .state
        .load(conversation.id(), options)
        .await
        .unwrap()
        .unwrap();
    let row = loaded.planner.into_iter().next()?;
    Some(PlannerState::from_json(&row.value))
}

async fn send(conversation: &mut Conversation, seed: u64) {
    let image = image(seed, 120 * KIB);
    conversation.send_with_media("see", [image]).await.unwrap();
}

#[tokio::test]
async fn another_node_plans_as_the_one_before_and_so_does_a_branch() {
    let provider = Planning::new(true);
    let rig = Rig::with(ScriptedProvider::new(), |b| {
        b.with_provider(provider.clone())
    });
    let mut conversation = rig.start().await;
    for seed in 0..4 {
        send(&mut conversation, seed).await;
    }
    let expected = [(1, false), (2, true), (3, true), (2, true)];
    assert_eq!(*provider.planned.lock().unwrap(), expected);
    assert!(row(&rig, &conversation).await.is_some());

    let other = Planning::new(true);
    let node = Rig::on(
        ScriptedProvider::new(),
        rig.state.clone(),
        rig.store.clone(),
        |b| b.with_provider(other.clone()),
    );
    let mut resumed = node
        .manager
        .resume(conversation.id(), Owner::user("u1"))
        .await
        .unwrap();
    send(&mut resumed, 5).await;
    assert_eq!(*other.planned.lock().unwrap(), [(3, true)]);

    let messages = resumed.messages(Window::All).await.unwrap();
    let mut branch = resumed.branch(&messages[9].id).await.unwrap();
    assert!(row(&node, &branch).await.is_none());
    branch.send("go on").await.unwrap();
    assert_eq!(other.planned.lock().unwrap()[1], (3, true));
    assert!(row(&node, &branch).await.is_some());
}

#[tokio::test]
async fn a_request_that_was_not_accepted_leaves_no_row() {
    let provider = Planning::new(false);
    let rig = Rig::with(ScriptedProvider::new(), |b| {
        b.with_provider(provider.clone())
    });
    let mut conversation = rig.start().await;
    send(&mut conversation, 1).await;
    send(&mut conversation, 2).await;
    assert_eq!(*provider.planned.lock().unwrap(), [(1, false), (2, false)]);
    assert!(row(&rig, &conversation).await.is_none());
}
