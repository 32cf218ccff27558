//! Packs, prompts built in code, validators, and resuming.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationConfig, ConversationErrorKind as Kind, MessageStatus, Owner, Prompt, PromptPack,
    Start, TurnStatus, Window,
};
use serde_json::json;

use crate::support::Rig;

fn pack() -> PromptPack {
    let json = json!({"id": "tests", "version": "1.0.0", "prompts": {"p": {
        "system_template": "Be {{mood}}.",
        "variables": [{"name": "mood", "type": "string", "default": "brief"}],
        "validators": [{"type": "banned_words", "params": {"words": ["darn"]},
            "enabled": true, "fail_on_violation": true}]
    }}});
    PromptPack::from_json(json.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_conversation_is_resumed_with_its_pack_by_its_id_alone() {
    let rig = Rig::new(ScriptedProvider::new());
    let config = ConversationConfig::new("p").with_variable("mood", "kind");
    let started = rig.manager.new_conversation(&pack(), config).await.unwrap();
    assert_eq!(started.system_prompt(), Some("Be kind."));
    let again = rig
        .manager
        .resume(started.id(), Owner::any())
        .await
        .unwrap();
    assert_eq!(again.system_prompt(), Some("Be kind."));
    let other = Rig::on(
        ScriptedProvider::new(),
        rig.state.clone(),
        rig.store.clone(),
        |builder| builder,
    );
    let error = other
        .manager
        .resume(started.id(), Owner::any())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::PackMismatch);
    assert!(error.to_string().contains("`tests`"), "{error}");
    let knows = Rig::on(
        ScriptedProvider::new(),
        rig.state.clone(),
        rig.store.clone(),
        |builder| builder.with_pack(pack()),
    );
    let again = knows
        .manager
        .resume(started.id(), Owner::any())
        .await
        .unwrap();
    assert_eq!(again.system_prompt(), Some("Be kind."));
}

#[tokio::test]
async fn instructions_without_a_pack_are_kept_with_the_conversation() {
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let rig = Rig::new(provider);
    let start = Start::new().with_system("Use {{braces}} as they are.");
    let start = start.with_parameter("temperature", 0.5);
    let started = rig.manager.start(start).await.unwrap();
    let mut again = rig
        .manager
        .resume(started.id(), Owner::any())
        .await
        .unwrap();
    again.send("Hi").await.unwrap();
    let request = &rig.provider.requests()[0];
    assert_eq!(
        request.system.as_deref(),
        Some("Use {{braces}} as they are.")
    );
    assert_eq!(request.parameters["temperature"], 0.5);
}

#[tokio::test]
async fn a_prompt_built_in_code_is_needed_again_to_resume() {
    let rig = Rig::new(ScriptedProvider::new());
    let prompt = || {
        Prompt::builder("code")
            .with_system("Be {{it}}.")
            .build()
            .unwrap()
    };
    let start = Start::new().with_prompt(prompt()).with_variable("it", "x");
    let started = rig.manager.start(start).await.unwrap();
    assert_eq!(started.system_prompt(), Some("Be x."));
    let error = rig
        .manager
        .resume(started.id(), Owner::any())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::PackMismatch);
    assert!(error.hint().contains("resume_with"), "{}", error.hint());
}

#[tokio::test]
async fn an_answer_that_a_validator_rejects_is_kept_and_marked() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("Oh darn."))
        .with_answer(ScriptedAnswer::new().text("Fine."));
    let rig = Rig::new(provider);
    let config = ConversationConfig::new("p");
    let mut conversation = rig.manager.new_conversation(&pack(), config).await.unwrap();
    let error = conversation.send("Say it").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AnswerRejected);
    assert_eq!(error.kept().unwrap().text(), "Oh darn.");
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.messages[1].message.status, MessageStatus::Rejected);
    assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
    // The rejected answer does not go out again; the user's message does.
    conversation.send("Again").await.unwrap();
    let sent: Vec<String> = rig.provider.requests()[1]
        .messages
        .iter()
        .map(|message| message.text())
        .collect();
    assert_eq!(sent, ["Say it", "Again"]);
}
