use std::sync::atomic::{AtomicUsize, Ordering};

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, Message, Owner, Part, Role, Start, StateStore, Tool,
    ToolContext, ToolDefinition, ToolError, ToolOutput, TurnStatus, Window,
};
use conversation_state::{Fence, StateWrite, TurnFence};
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
        .with_answer(ScriptedAnswer::new().text("As you like."))
        .with_answer(ScriptedAnswer::new().text("Bye."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    conversation.send("Ask me").await.unwrap();
    conversation.send("Never mind").await.unwrap();
    conversation.send("Bye").await.unwrap();
    // The model is told at once, and later requests begin with the same.
    let sent = |n: usize| -> Vec<(Role, String, Option<String>)> {
        let messages = rig.provider.requests().remove(n).messages;
        let seen = |m: Message| (m.role, m.text(), m.tool_call_id);
        messages.into_iter().map(seen).collect()
    };
    let second = sent(1);
    assert_eq!(second.len(), 4);
    assert!(second[2].1.contains("declined"), "{second:?}");
    assert_eq!(second[2].2.as_deref(), Some("c1"));
    assert!(sent(2).starts_with(&second), "{:?}", sent(2));
    let history = history(&conversation).await;
    assert!(history[2].1.contains("declined"), "{history:?}");
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
    assert_eq!(read.record.current_turn, None);
}

#[tokio::test]
async fn an_edit_of_the_message_of_a_turn_that_waits_takes_the_turn_along() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("Hi"))
        .with_answer(call("c1", "wait"))
        .with_answer(ScriptedAnswer::new().text("Better."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    conversation.send("Hello").await.unwrap();
    let waits = conversation.send("Ask me").await.unwrap();
    let asked = waits.messages()[0].id.clone();
    let edited = conversation.edit_and_resend(&asked, "Do not ask");
    edited.response().await.unwrap();
    let texts: Vec<String> = history(&conversation)
        .await
        .into_iter()
        .map(|m| m.1)
        .collect();
    assert_eq!(texts, ["Hello", "Hi", "Do not ask", "Better."]);
    assert_eq!(rig.provider.requests()[2].messages.len(), 3);
    let read = conversation.read(Window::NewestTurns(9)).await.unwrap();
    assert_eq!((read.turns.len(), read.record.current_turn), (2, None));
    let cut_off = conversation
        .read(Window::Turn(waits.turn().clone()))
        .await
        .unwrap();
    assert_eq!(cut_off.messages.len(), 2);
    assert_eq!(cut_off.turns[0].status, TurnStatus::Interrupted);
    let late = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    assert_eq!(late.response().await.unwrap_err().kind(), Kind::NotFound);
}

/// Some providers use the ids of calls again in each turn.
#[tokio::test]
async fn an_edit_declines_no_call_of_an_earlier_turn_with_the_same_id() {
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "wait"))
        .with_answer(ScriptedAnswer::new().text("Hi"))
        .with_answer(call("c1", "wait"))
        .with_answer(ScriptedAnswer::new().text("Better."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    conversation.send("Hello").await.unwrap();
    let result = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    result.response().await.unwrap();
    let waits = conversation.send("Ask me").await.unwrap();
    let asked = waits.messages()[0].id.clone();
    let edited = conversation.edit_and_resend(&asked, "Do not ask");
    edited.response().await.unwrap();
    let texts = history(&conversation).await;
    let texts: Vec<&str> = texts.iter().map(|message| message.1.as_str()).collect();
    assert_eq!(texts, ["Hello", "", "yes", "Hi", "Do not ask", "Better."]);
}

#[tokio::test]
async fn a_turn_that_waits_for_people_is_cancelled_at_once() {
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "wait"))
        .with_answer(ScriptedAnswer::new().text("As you like."));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    let waits = conversation.send("Ask me").await.unwrap();
    let node = rig.beside().manager;
    for _ in 0..2 {
        let cancelled = node.cancel_turn(conversation.id(), Owner::any(), waits.turn());
        cancelled.await.unwrap();
        let read = conversation.read(Window::All).await.unwrap();
        assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
        assert_eq!((read.record.current_turn, read.messages.len()), (None, 3));
    }
    let late = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    assert_eq!(late.response().await.unwrap_err().kind(), Kind::NotFound);
    conversation.send("Go on").await.unwrap();
    assert!(
        rig.provider.requests()[1].messages[2]
            .text()
            .contains("cancelled")
    );
}

#[tokio::test]
async fn a_turn_that_was_suspended_while_it_was_cancelled_asks_nothing_more() {
    let provider = ScriptedProvider::new().with_answer(call("c1", "wait"));
    let rig = rig(provider);
    let mut conversation = rig.start().await;
    let waits = conversation.send("Ask me").await.unwrap();
    let read = conversation.read(Window::All).await.unwrap();
    let fence = TurnFence::new(waits.turn().clone(), read.turns[0].epoch);
    let cancel = StateWrite::new(&read.record, Fence::Turn(fence));
    let cancel = cancel.with_cancel_turn(waits.turn().clone());
    rig.state.apply(cancel).await.unwrap();
    let resumed = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    assert_eq!(
        resumed.response().await.unwrap_err().kind(),
        Kind::Cancelled
    );
    assert_eq!(rig.provider.requests().len(), 1);
    assert_eq!(conversation.record().await.unwrap().current_turn, None);
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
