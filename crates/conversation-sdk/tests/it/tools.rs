use std::sync::atomic::{AtomicUsize, Ordering};

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, Part, Role, Start, Tool, ToolContext, ToolDefinition, ToolError,
    ToolOutput, TurnStatus, Window,
};
use media_types::Mime;
use serde_json::{Value, json};

use crate::support::{KIB, Rig, history, image_bytes};

/// A tool that does as its argument says.
#[derive(Debug, Default)]
pub(crate) struct Obedient(AtomicUsize);

#[async_trait::async_trait]
impl Tool for Obedient {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("obey", "Does as it is told.", json!({"type": "object"}))
    }
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match arguments["do"].as_str().unwrap_or_default() {
            "fail" => Err(ToolError::new("no")),
            "panic" => panic!("told to"),
            "wait" => Ok(ToolOutput::pending("token-1")),
            "paint" => {
                let mut image = context.media_sink().begin();
                image.write(&image_bytes(5, 200 * KIB)).await.unwrap();
                let image = image.finish(&Mime::IMAGE_PNG).await.unwrap();
                Ok(ToolOutput::new(vec![Part::Media(image)]))
            }
            _ => Ok(ToolOutput::text("done")),
        }
    }
}

fn call(id: &str, what: &str) -> ScriptedAnswer {
    ScriptedAnswer::new().tool_call(id, "obey", json!({"do": what}).to_string())
}

fn rig(provider: ScriptedProvider) -> Rig {
    Rig::with(provider, |builder| builder.with_tool(Obedient::default()))
}

#[tokio::test]
async fn tools_run_in_rounds_and_each_round_is_in_the_state() {
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "paint").tool_call("c2", "obey", "{}"))
        .with_answer(call("c3", "fail"))
        .with_answer(call("c4", "panic"))
        .with_answer(ScriptedAnswer::new().text("All done."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    let response = conversation.send("Work").await.unwrap();
    assert_eq!(response.text(), "All done.");
    assert_eq!(response.media().len(), 1);
    let history = history(&conversation).await;
    let roles: Vec<Role> = history.iter().map(|(role, _)| *role).collect();
    use Role::{Assistant as A, Tool as T, User as U};
    assert_eq!(roles, [U, A, T, T, A, T, A, T, A]);
    assert_eq!(history[3].1, "done");
    assert_eq!(history[5].1, "error: no");
    assert!(history[7].1.contains("failed unexpectedly"));
    assert_eq!(rig.stored().await.len(), 1);
}

#[tokio::test]
async fn a_turn_waits_for_people_and_goes_on() {
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "wait").tool_call("c2", "obey", "{}"))
        .with_answer(ScriptedAnswer::new().text("Thanks."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    let response = conversation.send("Ask me").await.unwrap();
    assert_eq!(response.status(), TurnStatus::Suspended);
    assert_eq!(response.pending(), ["token-1"]);
    let error = conversation
        .resume_turn("other", ToolOutput::text("yes"))
        .response()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let mut resumed = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    resumed.next().await.unwrap().unwrap();
    // It is the turn that waited, also for readers that come back.
    assert_eq!(resumed.turn(), response.turn());
    let attached = conversation.attach(resumed.position());
    assert_eq!(attached.response().await.unwrap().text(), "Thanks.");
    let response = resumed.response().await.unwrap();
    assert_eq!(response.text(), "Thanks.");
    assert_eq!(response.status(), TurnStatus::Complete);
    let sent = &rig.provider.requests()[1].messages;
    let answered: Vec<_> = sent
        .iter()
        .filter_map(|m| m.tool_call_id.as_deref())
        .collect();
    assert_eq!(answered, ["c2", "c1"]);
}

#[tokio::test]
async fn a_new_message_declines_what_waits() {
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "wait"))
        .with_answer(ScriptedAnswer::new().text("As you like."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    conversation.send("Ask me").await.unwrap();
    conversation.send("Never mind").await.unwrap();
    let history = history(&conversation).await;
    assert!(history[2].1.contains("declined"), "{history:?}");
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
    assert_eq!(read.record.current_turn, None);
}

#[tokio::test]
async fn a_model_that_never_stops_calling_is_stopped() {
    let provider = ScriptedProvider::new().with_handler(|_| call("c", "obey"));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    let error = conversation.send("Work").await.unwrap_err();
    assert_eq!(error.kind(), Kind::ToolLimit);
    let kept = error.kept().unwrap();
    assert_eq!(kept.status(), TurnStatus::Interrupted);
    assert!(kept.messages().len() > 5);
}

#[tokio::test]
async fn a_tool_that_the_program_lacks_fails_the_start() {
    let rig = Rig::new(ScriptedProvider::new());
    let start = Start::new().with_tools(["obey"]);
    let error = rig.manager.start(start).await.unwrap_err();
    assert_eq!(error.kind(), Kind::MissingTool);
    assert!(error.to_string().contains("`obey`"), "{error}");
}
