//! What goes out of histories that an interruption, another API or a later version has left.

use std::collections::{BTreeMap, BTreeSet};

use conversation_types::{OmissionReason, OmittedMedia, Role};

use super::*;

/// The messages of a body: each its role and the texts, calls and results in it, in order.
fn outline(format: ApiFormat, body: &Value) -> Vec<String> {
    let list = match format.capability_name() {
        "openai.responses" => &body["input"],
        "gemini.generate_content" => &body["contents"],
        _ => &body["messages"],
    };
    list.as_array().unwrap().iter().map(one).collect()
}

fn one(message: &Value) -> String {
    let mut words = Vec::new();
    if let Some(role) = message.get("role") {
        words.push(role.as_str().unwrap().to_owned());
    }
    collect(message, &mut words);
    words.join(" ")
}

fn collect(value: &Value, words: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::String(text) => words.push(text.clone()),
        Value::Object(fields) => match value["type"].as_str() {
            Some("text" | "input_text") => words.push(text(&value["text"])),
            Some("tool_use") => words.push(format!("call:{}", text(&value["id"]))),
            Some("function_call") => words.push(format!("call:{}", text(&value["call_id"]))),
            Some("function_call_output") => {
                words.push(format!("result:{}", text(&value["call_id"])));
                collect(&value["output"], words);
            }
            Some("tool_result") => {
                words.push(format!("result:{}", text(&value["tool_use_id"])));
                collect(&value["content"], words);
            }
            Some(kind) => words.push(format!("<{kind}>")),
            None => {
                if let Some(id) = fields.get("tool_call_id") {
                    words.push(format!("result:{}", text(id)));
                }
                if let Some(content) = fields.get("content").or_else(|| fields.get("parts")) {
                    collect(content, words);
                }
                for call in fields
                    .get("tool_calls")
                    .into_iter()
                    .flat_map(|c| c.as_array().unwrap())
                {
                    words.push(format!("call:{}", text(&call["id"])));
                }
                if let Some(call) = fields.get("functionCall") {
                    words.push(format!("call:{}", text(&call["name"])));
                }
                if let Some(response) = fields.get("functionResponse") {
                    words.push(format!("result:{}", text(&response["name"])));
                    words.push(text(&response["response"]["output"]));
                }
                if let Some(said) = fields.get("text") {
                    words.push(text(said));
                }
                if fields.contains_key("thought") {
                    words.push("<thought>".to_owned());
                }
            }
        },
        _ => {}
    }
    words.retain(|word| !word.is_empty());
}

/// Checks the bodies of all APIs: the same outline, but for the names of roles and calls.
async fn check(messages: &[Message], expected: BTreeMap<&str, Vec<&str>>) {
    for format in FORMS {
        let body = sent(format, messages).await;
        let name = match format.capability_name() {
            "openai.chat" => "chat",
            "openai.responses" => "responses",
            "anthropic.messages" => "anthropic",
            _ => "gemini",
        };
        assert_eq!(outline(format, &body), expected[name], "{name}: {body}");
    }
}

const NONE: &str = "[no result: the call was interrupted]";

#[tokio::test]
async fn calls_of_an_interrupted_message_go_out_only_if_they_are_whole() {
    let calls = vec![
        ToolCall::new("a", "a", "{\"x\":1}"),
        ToolCall::new("b", "b", "{\"x\":"),
        ToolCall::new("c", "c", ""),
        ToolCall::new("d", "d", "[1]"),
        ToolCall::new("e", "", "{}"),
    ];
    let messages = [
        Message::user("go"),
        partial(vec![Part::from("I")], calls),
        Message::user("and now?"),
    ];
    let result = format!("tool result:a {NONE}");
    let output = format!("result:a {NONE}");
    let merged = format!("user result:a {NONE} and now?");
    let gemini = format!("user result:a {NONE}");
    check(
        &messages,
        [
            (
                "chat",
                vec!["user go", "assistant I call:a", &result, "user and now?"],
            ),
            (
                "responses",
                vec!["user go", "assistant I", "call:a", &output, "user and now?"],
            ),
            ("anthropic", vec!["user go", "assistant I call:a", &merged]),
            (
                "gemini",
                vec!["user go", "model I call:a", &gemini, "user and now?"],
            ),
        ]
        .into(),
    )
    .await;
}

#[tokio::test]
async fn every_call_has_one_result_directly_after_it() {
    let mut calls = assistant("");
    calls.tool_calls = vec![
        ToolCall::new("a", "a", "{}"),
        ToolCall::new("b", "b", "{}"),
        ToolCall::new("c", "c", "{}"),
    ];
    let messages = [
        calls,
        Message::tool("b", vec![Part::from("B")]),
        Message::user("meanwhile"),
        Message::tool("a", vec![Part::from("A")]),
        Message::tool("a", vec![Part::from("again")]),
        Message::tool("stranger", vec![Part::from("nobody asked")]),
        assistant("done"),
    ];
    let c = format!("tool result:c {NONE}");
    let c_output = format!("result:c {NONE}");
    let merged = format!("user result:b B result:a A result:c {NONE} meanwhile");
    let gemini = format!("user result:b B result:a A result:c {NONE}");
    check(
        &messages,
        [
            (
                "chat",
                vec![
                    "assistant call:a call:b call:c",
                    "tool result:b B",
                    "tool result:a A",
                    &c,
                    "user meanwhile",
                    "assistant done",
                ],
            ),
            (
                "responses",
                vec![
                    "call:a",
                    "call:b",
                    "call:c",
                    "result:b B",
                    "result:a A",
                    &c_output,
                    "user meanwhile",
                    "assistant done",
                ],
            ),
            (
                "anthropic",
                vec!["assistant call:a call:b call:c", &merged, "assistant done"],
            ),
            (
                "gemini",
                vec![
                    "model call:a call:b call:c",
                    &gemini,
                    "user meanwhile",
                    "model done",
                ],
            ),
        ]
        .into(),
    )
    .await;
}

#[tokio::test]
async fn ids_that_every_round_uses_again_are_told_apart() {
    let round = |id: &str, text: &str| {
        let call = assistant("").with_tool_calls(vec![ToolCall::new(id, "f", "{}")]);
        [call, Message::tool(id, vec![Part::from(text)])]
    };
    let rounds = [
        round("call_0", "one"),
        round("call_0", "two"),
        round("f:0", "three"),
    ];
    let messages = [vec![Message::user("go")], rounds.concat()].concat();
    for format in FORMS {
        let body = outline(format, &sent(format, &messages).await);
        let words = body.iter().flat_map(|message| message.split(' '));
        let of = |kind: &str| -> Vec<String> {
            let ids = words.clone().filter_map(|word| word.strip_prefix(kind));
            ids.map(str::to_owned).collect()
        };
        let (calls, results) = (of("call:"), of("result:"));
        assert_eq!(calls, results, "{format:?}: {body:?}");
        let takes = |id: &String| {
            id.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        match format.capability_name() {
            "openai.chat" => assert_eq!(calls, ["call_0", "call_0", "f:0"]),
            // This one tells calls apart by their places and names.
            "gemini.generate_content" => assert_eq!(calls, ["f", "f", "f"]),
            _ => {
                assert_eq!(calls[0], "call_0");
                assert!(calls.iter().all(takes), "{calls:?}");
                let different: BTreeSet<&String> = calls.iter().collect();
                assert_eq!(different.len(), 3, "{calls:?}");
            }
        }
        // The next request begins with the same bytes.
        let later = [messages.clone(), vec![Message::user("on")]].concat();
        let later = outline(format, &sent(format, &later).await);
        let same = body.len() - 1;
        assert_eq!(later[..same], body[..same], "{format:?}");
    }
}

#[tokio::test]
async fn empty_and_unknown_parts_and_messages_are_not_sent_and_omissions_are_text() {
    let unknown: Part = serde_json::from_str(r#"{"type":"hologram","secret":1}"#).unwrap();
    let lost = MediaContent::from_bytes(Mime::IMAGE_PNG, "x").with_filename("a.png");
    let omitted = OmittedMedia::new(&lost, OmissionReason::StorageFailed, "");
    let future: Message = serde_json::from_str(r#"{"role":"judge","verdict":1}"#).unwrap();
    assert_eq!(future.role, Role::Unknown);
    let messages = [
        Message::user(vec![Part::from("see"), unknown.clone(), omitted.into()]),
        future,
        Message::new(Role::Assistant, vec![unknown.clone(), Part::from("")]),
        Message::user(vec![unknown, Part::from("")]),
        Message::user("next"),
    ];
    let first = "user see [image \"a.png\" is not attached: storage_failed.]";
    let merged = format!("{first} next");
    check(
        &messages,
        [
            ("chat", vec![first, "user next"]),
            ("responses", vec![first, "user next"]),
            ("anthropic", vec![&merged]),
            ("gemini", vec![&merged]),
        ]
        .into(),
    )
    .await;
}
