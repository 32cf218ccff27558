//! Spans and events that name who was asked.

use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{EventKind, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::Rig;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Debug)]
struct Clock;

#[async_trait]
impl Tool for Clock {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("clock", "Tells the time.", json!({"type": "object"}))
    }
    async fn call(&self, _: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::text("a secret hour"))
    }
}

/// Set in the process that this test starts for itself. What a span is worth is remembered for the whole
/// process, so that tests beside it, which want none, could switch it off.
const ALONE: &str = "SPANS_TEST_ALONE";

#[tokio::test]
async fn turns_requests_and_tools_have_spans_with_the_usual_names_and_no_text() {
    if std::env::var_os(ALONE).is_none() {
        let name = "spans::turns_requests_and_tools_have_spans_with_the_usual_names_and_no_text";
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        return;
    }
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().tool_call("call-1", "clock", "{}"))
        .with_answer(ScriptedAnswer::new().text("a secret answer"));
    let rig = Rig::with(provider, |builder| builder.with_tool(Clock));
    let mut conversation = rig.start().await;
    let response = conversation.send("a secret question").await.unwrap();
    drop(guard);
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for name in [
        "gen_ai.operation.name=\"invoke_agent\"",
        "gen_ai.operation.name=\"chat\"",
        "gen_ai.operation.name=\"execute_tool\"",
        "gen_ai.tool.name=\"clock\"",
        "gen_ai.tool.call.id=\"call-1\"",
        "gen_ai.usage.output_tokens=",
        "gen_ai.response.model=",
    ] {
        assert!(written.contains(name), "{name}: {written}");
    }
    let id = format!("gen_ai.conversation.id={}", conversation.id());
    assert!(written.contains(&id));
    assert!(!written.contains("secret"), "{written}");

    // Each request is told with who answered, the first one too.
    let events = rig.events.lock().unwrap();
    let called = events.iter().filter_map(|event| match &event.kind {
        EventKind::ProviderCalled {
            provider, model, ..
        } => Some((provider.as_str(), model.as_str())),
        _ => None,
    });
    let who = (response.provider().unwrap(), response.model().unwrap());
    assert_eq!(called.collect::<Vec<_>>(), [who, who]);
}
