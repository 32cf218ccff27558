//! Packs, prompts built in code, validators, and resuming.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationConfig, ConversationErrorKind as Kind, MessageStatus, Owner, Prompt, PromptPack,
    Start, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, TurnStatus, Window,
};
use serde_json::{Value, json};

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

/// A node whose named provider `b` answers everything.
fn with_b(rig: &Rig, b: &ScriptedProvider) -> Rig {
    let (state, store, b) = (rig.state.clone(), rig.store.clone(), b.clone());
    Rig::on(ScriptedProvider::new(), state, store, |builder| {
        builder.with_named_provider("b", b).with_pack(pack())
    })
}

#[tokio::test]
async fn a_provider_and_a_model_are_preferred_beside_a_pack_also_after_resuming() {
    let b = ScriptedProvider::new().with_handler(|_| ScriptedAnswer::new().text("ok"));
    let rig = with_b(&Rig::new(ScriptedProvider::new()), &b);
    let config = ConversationConfig::new("p").with_variable("mood", "kind");
    let config = config.with_provider("b").with_model("b-large");
    let mut started = rig.manager.new_conversation(&pack(), config).await.unwrap();
    started.send("Hi").await.unwrap();
    let mut again = with_b(&rig, &b).resume(started.id()).await;
    assert_eq!(again.system_prompt(), Some("Be kind."));
    let answer = again.send("Again").await.unwrap();
    let first = again.messages(Window::All).await.unwrap().remove(0);
    let mut branch = again.branch(&first.id).await.unwrap();
    branch.send("And again").await.unwrap();
    assert_eq!(answer.text(), "ok");
    let models: Vec<_> = b.requests().into_iter().map(|sent| sent.model).collect();
    assert_eq!(models, vec![Some("b-large".to_owned()); 3]);
}

#[tokio::test]
async fn a_provider_a_model_and_parameters_beside_a_prompt_built_in_code_reach_requests() {
    let b = ScriptedProvider::new().with_handler(|_| ScriptedAnswer::new().text("ok"));
    let rig = with_b(&Rig::new(ScriptedProvider::new()), &b);
    let prompt = || {
        let builder = Prompt::builder("code").with_system("Be exact.");
        builder.build().unwrap()
    };
    let start = Start::new().with_prompt(prompt()).with_provider("b");
    let start = start.with_model("b-large").with_parameter("top_k", 3);
    let mut started = rig.manager.start(start).await.unwrap();
    started.send("Hi").await.unwrap();
    let node = with_b(&rig, &b);
    let resumed = node
        .manager
        .resume_with(started.id(), Owner::any(), prompt());
    resumed.await.unwrap().send("Again").await.unwrap();
    let requests = b.requests();
    assert_eq!(requests.len(), 2);
    for sent in requests {
        assert_eq!(sent.model.as_deref(), Some("b-large"));
        assert_eq!(sent.parameters["top_k"], 3);
    }
}

#[derive(Debug)]
struct Named(&'static str);

#[async_trait::async_trait]
impl Tool for Named {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new(self.0, "Does nothing.", json!({"type": "object"}))
    }

    async fn call(&self, _: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::text("done"))
    }
}

#[tokio::test]
async fn instructions_and_tools_beside_a_prompt_built_in_code_reach_requests() {
    let node = |provider: &ScriptedProvider, rig: &Rig| {
        let (state, store) = (rig.state.clone(), rig.store.clone());
        Rig::on(provider.clone(), state, store, |builder| {
            builder.with_tool(Named("draw")).with_tool(Named("sing"))
        })
    };
    let provider = ScriptedProvider::new().with_handler(|_| ScriptedAnswer::new().text("ok"));
    let first = node(&provider, &Rig::new(ScriptedProvider::new()));
    let prompt = || {
        let builder = Prompt::builder("code").with_system("Be exact.");
        builder.build().unwrap()
    };
    let start = Start::new().with_prompt(prompt()).with_system("Be brief.");
    let lacking = start.clone().with_tools(["draw", "dance"]);
    let error = first.manager.start(lacking).await.unwrap_err();
    assert_eq!(error.kind(), Kind::MissingTool);
    assert!(error.to_string().contains("dance"), "{error}");
    let start = start.with_tools(["sing"]);
    let mut started = first.manager.start(start).await.unwrap();
    started.send("Hi").await.unwrap();
    let second = node(&provider, &first);
    let resumed = second
        .manager
        .resume_with(started.id(), Owner::any(), prompt());
    resumed.await.unwrap().send("Again").await.unwrap();
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    for sent in requests {
        assert_eq!(sent.system.as_deref(), Some("Be exact.\n\nBe brief."));
        let tools: Vec<_> = sent.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(tools, ["sing"]);
    }
}
