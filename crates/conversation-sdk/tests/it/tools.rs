//! Tools: what the model is told when they fail, and how often it may call them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::pack::ToolChoice;
use conversation_sdk::provider::Completion;
use conversation_sdk::{
    ConversationErrorKind, Cost, ManagerConfig, Part, Role, TokenUsage, Tool, ToolCall,
    ToolDefinition, ToolError, ToolOutput, TurnEvent,
};
use media_storage::InMemoryStorage;
use serde_json::{Value, json};

use crate::support::{Heard, Scripted, builder, config, pack, pack_with, says};

/// Does what its argument `how` says.
#[derive(Clone, Debug, Default)]
struct Acts {
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl Tool for Acts {
    fn definition(&self) -> ToolDefinition {
        let schema = json!({
            "type": "object",
            "properties": {"how": {"type": "string"}},
            "required": ["how"],
        });
        ToolDefinition::new("act", "acts", schema)
    }

    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match arguments["how"].as_str().unwrap() {
            "fail" => {
                Err(ToolError::new("no paint left")
                    .with_source(std::io::Error::other("secret path")))
            }
            "panic" => panic!("the tool fell over"),
            "hang" => std::future::pending().await,
            how => Ok(ToolOutput::text(how)
                .with_usage(Some(TokenUsage::new(1, 1)), Some(Cost::from_usd(0.5)))),
        }
    }
}

fn call(n: usize, name: &str, arguments: &str) -> ToolCall {
    ToolCall::new(format!("call-{n}"), name, arguments)
}

fn calls(calls: Vec<ToolCall>) -> Completion {
    Completion::new(vec![]).with_tool_calls(calls)
}

#[tokio::test]
async fn a_prompt_whose_tools_are_all_blocked_offers_none() {
    for (tools, blocklist, expected) in [
        (json!(["act"]), json!(["act"]), 0),
        (json!(["act"]), json!([]), 1),
        (json!([]), json!(["act"]), 0),
        (json!([]), json!([]), 1),
        (json!(["other"]), json!(["other"]), 0),
    ] {
        let fields = json!({"tools": tools, "tool_policy": {"blocklist": blocklist}});
        let provider = Scripted::new();
        let manager = builder(&provider, &InMemoryStorage::new())
            .with_tool(Acts::default())
            .build()
            .unwrap();
        let pack = pack_with(fields.clone());
        let mut conversation = manager.new_conversation(&pack, config()).await.unwrap();
        conversation.send("act").await.unwrap();
        assert_eq!(provider.last().tools.len(), expected, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_is_told_to_the_model() {
    let provider = Scripted::new()
        .then_says(calls(vec![
            call(1, "act", r#"{"how":"well"}"#),
            call(2, "paint", "{}"),
            call(3, "act", r#"{"how":"#),
            call(4, "act", r#"{"how":7}"#),
            call(5, "act", "{}"),
            call(6, "act", r#"{"how":"fail"}"#),
            call(7, "act", r#"{"how":"panic"}"#),
            call(8, "act", r#"{"how":"hang"}"#),
        ]))
        .then_says(says("done"));
    let heard = Heard::default();
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_tool(Acts::default())
        .with_listener(heard.clone())
        .with_config(ManagerConfig::default().with_tool_timeout(Duration::from_secs(3)))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation.send("act").await.unwrap();
    assert_eq!(response.text(), "done");
    let answers: Vec<String> = provider
        .last()
        .messages
        .iter()
        .filter(|message| message.role == Role::Tool)
        .map(|message| {
            format!(
                "{}: {}",
                message.tool_call_id.as_deref().unwrap(),
                message.text()
            )
        })
        .collect();
    for (answer, expected) in answers.iter().zip([
        "call-1: well",
        "call-2: error: there is no tool paint; there is: act",
        "call-3: error: the arguments are not valid JSON",
        "call-4: error: the argument how is not of type \"string\"",
        "call-5: error: the argument how is missing",
        "call-6: error: no paint left",
        "call-7: error: the tool act failed unexpectedly",
        "call-8: error: the tool act took longer than 3 s",
    ]) {
        assert!(answer.starts_with(expected), "{answer}");
    }
    assert_eq!(answers.len(), 8);
    let errors = response.messages()[2..10]
        .iter()
        .filter(|message| message.metadata.get("is_error") == Some(&Value::Bool(true)))
        .count();
    assert_eq!(errors, 7);
    assert_eq!(response.usage(), TokenUsage::new(11, 3));
    assert_eq!(response.cost().unwrap().usd(), 0.5);
    assert_eq!(
        heard.names().iter().filter(|name| **name == "tool").count(),
        8
    );
}

#[tokio::test]
async fn rounds_and_calls_are_bounded_by_the_pack() {
    let forever = |script: Scripted, rounds: usize, each: usize| {
        (0..rounds).fold(script, |script, round| {
            let of_round = (0..each).map(|n| call(round * 10 + n, "act", r#"{"how":"x"}"#));
            script.then_says(calls(of_round.collect()))
        })
    };
    let policy = |rounds: u64, calls: u64| {
        pack_with(json!({"tool_policy": {"max_rounds": rounds, "max_tool_calls_per_turn": calls}}))
    };
    // Three rounds are allowed; then the model is asked without tools, and answers.
    let (provider, tool) = (forever(Scripted::new(), 3, 1), Acts::default());
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_tool(tool.clone())
        .build()
        .unwrap();
    let mut conversation = manager
        .new_conversation(&policy(3, 99), config())
        .await
        .unwrap();
    conversation.send("x").await.unwrap();
    assert_eq!(
        (provider.asked().len(), tool.calls.load(Ordering::Relaxed)),
        (4, 3)
    );
    let choices: Vec<_> = provider
        .asked()
        .iter()
        .map(|asked| asked.tool_choice)
        .collect();
    let auto = ToolChoice::Auto;
    assert_eq!(choices, [auto, auto, auto, ToolChoice::None]);

    // A model that goes on all the same ends the turn, and the history is as before.
    let (provider, tool) = (forever(Scripted::new(), 9, 1), Acts::default());
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_tool(tool.clone())
        .build()
        .unwrap();
    let mut conversation = manager
        .new_conversation(&policy(3, 99), config())
        .await
        .unwrap();
    let error = conversation.send("x").await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::ToolLimit);
    assert_eq!(
        (provider.asked().len(), tool.calls.load(Ordering::Relaxed)),
        (4, 3)
    );
    assert!(conversation.messages().await.unwrap().is_empty());

    // Calls beyond the limit are refused one by one.
    let (provider, tool) = (forever(Scripted::new(), 1, 6), Acts::default());
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_tool(tool.clone())
        .build()
        .unwrap();
    let mut conversation = manager
        .new_conversation(&policy(9, 4), config())
        .await
        .unwrap();
    let response = conversation.send("x").await.unwrap();
    assert_eq!(tool.calls.load(Ordering::Relaxed), 4);
    let refused = response.messages()[2..8]
        .iter()
        .filter(|message| message.text().contains("4 tool calls are allowed"))
        .count();
    assert_eq!(refused, 2);
    assert_eq!(provider.last().tool_choice, ToolChoice::None);
}

#[tokio::test]
async fn the_prompt_decides_which_tools_are_offered_and_in_which_words() {
    let offered = async |pack| {
        let (provider, heard) = (Scripted::new(), Heard::default());
        let manager = builder(&provider, &InMemoryStorage::new())
            .with_tool(Acts::default())
            .with_listener(heard.clone())
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack, config()).await.unwrap();
        conversation.send("x").await.unwrap();
        let tools: Vec<_> = provider
            .last()
            .tools
            .into_iter()
            .map(|tool| (tool.name, tool.description))
            .collect();
        (tools, provider.last().tool_choice, heard.warnings())
    };
    let own = |description: &str| vec![("act".to_owned(), description.to_owned())];
    let auto = ToolChoice::Auto;
    assert_eq!(offered(pack()).await, (own("acts"), auto, vec![]));
    let listed = pack_with(json!({"tools": ["act"]}));
    assert_eq!(offered(listed).await, (own("acts"), auto, vec![]));
    let required = pack_with(json!({"tool_policy": {"tool_choice": "required"}}));
    assert_eq!(offered(required).await.1, ToolChoice::Required);
    let none = pack_with(json!({"tool_policy": {"tool_choice": "none"}}));
    assert_eq!(offered(none).await, (vec![], ToolChoice::None, vec![]));
    let blocked = pack_with(json!({"tool_policy": {"blocklist": ["act"]}}));
    assert_eq!(offered(blocked).await.0, []);
    let other = pack_with(json!({"tools": ["paint"]}));
    let (tools, _, warnings) = offered(other).await;
    assert!(
        tools.is_empty() && warnings[0].contains("paint"),
        "{warnings:?}"
    );
    let described = conversation_sdk::PromptPack::from_json(
        br#"{"id":"tests","version":"1.0.0",
            "tools":{"act":{"name":"act","description":"in other words"}},
            "prompts":{"p":{"system_template":"t","tools":["act"]}}}"#,
    )
    .unwrap();
    assert_eq!(offered(described).await.0, own("in other words"));
}

#[tokio::test]
async fn tools_show_themselves_while_they_run() {
    let provider = Scripted::new().then_says(calls(vec![call(1, "act", r#"{"how":"well"}"#)]));
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_tool(Acts::default())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut events = conversation.stream("x");
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        seen.push(match event.unwrap() {
            TurnEvent::ToolStarted { name, .. } => format!("{name} starts"),
            TurnEvent::ToolFinished { name, is_error, .. } => format!("{name} ends, {is_error}"),
            TurnEvent::TextDelta(text) => text,
            TurnEvent::Done(_) => "done".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["act starts", "act ends, false", "ok", "done"]);
}

#[tokio::test]
async fn two_tools_of_one_name_are_an_error_of_the_set_up() {
    let manager = builder(&Scripted::new(), &InMemoryStorage::new())
        .with_tool(Acts::default())
        .with_tool(Acts::default())
        .build();
    assert_eq!(manager.unwrap_err().kind(), ConversationErrorKind::Config);
    let _: Part = "x".into();
}
