//! What goes out of histories that an interruption, another API or a later version has left.

use std::collections::BTreeMap;

use conversation_types::{
    MessageStatus, OmissionReason, OmittedMedia, ProviderData, RawJson, Role, TextPart, ToolCall,
    ToolChoice, ToolDefinition,
};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use media_types::Detail;
use serde_json::json;

use super::*;

async fn body_of(format: ApiFormat, messages: &[Message], media: &MediaContext) -> Value {
    let request = ProviderRequest::new(messages);
    let body = body_by(&without_limits(), format, &request, media).await;
    json_of(&body).await
}

async fn sent(format: ApiFormat, messages: &[Message]) -> Value {
    body_of(format, messages, &no_storage()).await
}

/// The messages of a body: each its role and the texts, calls and results in it, in order.
fn outline(format: ApiFormat, body: &Value) -> Vec<String> {
    let list = match format {
        ApiFormat::OpenAiResponses => &body["input"],
        ApiFormat::GeminiContents => &body["contents"],
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

fn partial(content: Vec<Part>, calls: Vec<ToolCall>) -> Message {
    Message::assistant(content)
        .with_tool_calls(calls)
        .with_status(MessageStatus::Partial)
}

/// Checks the bodies of all APIs: the same outline, but for the names of roles and calls.
async fn check(messages: &[Message], expected: BTreeMap<&str, Vec<&str>>) {
    for format in FORMS {
        let body = sent(format, messages).await;
        let name = match format {
            ApiFormat::OpenAiChat => "chat",
            ApiFormat::OpenAiResponses => "responses",
            ApiFormat::AnthropicMessages => "anthropic",
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
    let round = |text: &str| {
        let call = assistant("").with_tool_calls(vec![ToolCall::new("call_0", "f", "{}")]);
        [call, Message::tool("call_0", vec![Part::from(text)])]
    };
    let messages = [round("one"), round("two")].concat();
    let body = sent(ApiFormat::OpenAiChat, &messages).await;
    assert_eq!(
        outline(ApiFormat::OpenAiChat, &body),
        [
            "assistant call:call_0",
            "tool result:call_0 one",
            "assistant call:call_0",
            "tool result:call_0 two"
        ]
    );
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

fn item(json: Value) -> RawJson {
    RawJson::from(json)
}

/// An answer with opaque items of each family.
fn opaque_answer() -> Message {
    let reasoning =
        |api: &str, json: Value| Part::reasoning("hm", Some((api.to_owned(), item(json).into())));
    Message::assistant(vec![
        reasoning(
            "openai",
            json!({"type": "reasoning", "encrypted_content": "o"}),
        ),
        reasoning(
            "anthropic",
            json!({"type": "thinking", "thinking": "hm", "signature": "a"}),
        ),
        reasoning(
            "gemini",
            json!({"text": "hm", "thought": true, "thoughtSignature": "g"}),
        ),
        Part::reasoning("unsigned", None),
        Part::from("said"),
        Part::opaque(
            "openai",
            item(json!({"type": "image_generation_call", "id": "ig"})),
        ),
        Part::opaque(
            "anthropic",
            item(json!({"type": "redacted_thinking", "data": "r"})),
        ),
        Part::from("more"),
    ])
}

#[tokio::test]
async fn opaque_items_go_verbatim_to_their_family_and_nowhere_else() {
    let messages = [Message::user("go"), opaque_answer(), Message::user("on")];
    let body = sent(ApiFormat::OpenAiResponses, &messages).await;
    assert_eq!(
        body["input"].as_array().unwrap()[1..5],
        [
            json!({"type": "reasoning", "encrypted_content": "o"}),
            json!({"role": "assistant", "content": "said"}),
            json!({"type": "image_generation_call", "id": "ig"}),
            json!({"role": "assistant", "content": "more"}),
        ]
    );
    let body = sent(ApiFormat::AnthropicMessages, &messages).await;
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "a"},
            {"type": "text", "text": "said"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "text", "text": "more"}
        ])
    );
    let body = sent(ApiFormat::GeminiContents, &messages).await;
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "g"},
            {"text": "said"},
            {"text": "more"}
        ])
    );
    // This API has no place for any of them.
    let body = sent(ApiFormat::OpenAiChat, &messages).await;
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "said"}, {"type": "text", "text": "more"}])
    );
}

#[tokio::test]
async fn the_text_of_an_opaque_item_is_not_changed_by_a_byte() {
    let text = "{ \"type\":\"reasoning\",\"n\":1.0e2, \"encrypted_content\" : \"\\u0041\" }";
    let json = RawJson::from_text(text).unwrap();
    let answer = Message::assistant(vec![
        Part::reasoning("", Some(("openai".into(), json.into()))),
        Part::from("said"),
    ]);
    let messages = [answer];
    let request = ProviderRequest::new(&messages);
    let format = ApiFormat::OpenAiResponses;
    let body = body_by(&without_limits(), format, &request, &no_storage()).await;
    let body = String::from_utf8(super::text(&body).await).unwrap();
    assert!(body.contains(text), "{body}");
}

#[tokio::test]
async fn reasoning_without_what_it_led_to_is_not_sent() {
    let json = item(json!({"type": "reasoning"}));
    let reasoning = Part::reasoning("hm", Some(("openai".into(), json.into())));
    let alone = partial(vec![Part::from("said"), reasoning.clone()], vec![]);
    let body = sent(ApiFormat::OpenAiResponses, &[alone]).await;
    assert_eq!(body["input"].as_array().unwrap().len(), 1, "{body}");
    // A call is what it led to.
    let calls = vec![ToolCall::new("a", "a", "{}")];
    let followed = partial(vec![reasoning.clone()], calls);
    let body = sent(ApiFormat::OpenAiResponses, &[followed]).await;
    assert_eq!(body["input"][0]["type"], "reasoning");
    // A call that is not whole is none.
    let calls = vec![ToolCall::new("a", "a", "{")];
    let broken = partial(vec![reasoning], calls);
    let body = sent(ApiFormat::OpenAiResponses, &[broken]).await;
    assert_eq!(body["input"], json!([]));
}

#[tokio::test]
async fn gemini_gets_its_signatures_back_on_every_part() {
    let signed = |n: u32| {
        let data = item(json!({"thoughtSignature": format!("s{n}")}));
        ProviderData::new().with("gemini", data)
    };
    let image = png_of(100);
    let call = ToolCall::new("c", "f", "{}").with_provider_data(signed(3));
    let answer = Message::assistant(vec![
        Part::Text(TextPart::new("see").with_provider_data(signed(1))),
        Part::Media(signed(2).attach_to(image)),
        Part::Text(TextPart::new("").with_provider_data(signed(4))),
    ])
    .with_tool_calls(vec![call]);
    let messages = [Message::user("go"), answer];
    let body = sent(ApiFormat::GeminiContents, &messages).await;
    let parts = body["contents"][1]["parts"].as_array().unwrap();
    let signatures: Vec<_> = parts.iter().map(|part| &part["thoughtSignature"]).collect();
    assert_eq!(signatures, ["s1", "s2", "s4", "s3"]);
    assert!(parts[1]["inlineData"]["data"].is_string());
    assert_eq!(parts[2]["text"], "");
    // Other APIs see neither the signatures nor the part that was made for one.
    let body = sent(ApiFormat::OpenAiChat, &messages).await;
    assert!(!body.to_string().contains("s1") && !body.to_string().contains("thoughtSignature"));
    assert_eq!(body["messages"][1]["content"], "see");
}

#[tokio::test]
async fn signatures_of_version_0_1_are_found() {
    let json = r#"{"role":"assistant","content":[],"tool_calls":[{"id":"c","name":"f","arguments":"{}",
        "provider_data":{"thoughtSignature":"old"}}],"created_at":"2026-01-02T03:04:05Z"}"#;
    let message: Message = serde_json::from_str(json).unwrap();
    let body = sent(ApiFormat::GeminiContents, &[message]).await;
    assert_eq!(body["contents"][0]["parts"][0]["thoughtSignature"], "old");
}

#[tokio::test]
async fn opaque_items_in_a_store_are_loaded() {
    let store = InMemoryStorage::new();
    let text = format!(
        r#"{{"type":"reasoning","encrypted_content":"{}"}}"#,
        "x".repeat(300_000)
    );
    let stored = store
        .store_bytes(Mime::OCTET_STREAM, text.clone(), MediaMetadata::new())
        .await
        .unwrap();
    let gone = store
        .store_bytes(Mime::OCTET_STREAM, "{}", MediaMetadata::new())
        .await
        .unwrap();
    store.delete(&gone).await.unwrap();
    let opaque = |reference| {
        Part::reasoning(
            "",
            Some((
                "openai".into(),
                conversation_types::OpaqueData::Stored(reference),
            )),
        )
    };
    let messages = [Message::assistant(vec![
        opaque(stored),
        opaque(gone),
        Part::from("said"),
    ])];
    let media = over(Arc::new(store));
    let body = body_of(ApiFormat::OpenAiResponses, &messages, &media).await;
    let expected: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        body["input"],
        json!([expected, {"role": "assistant", "content": "said"}])
    );
}

#[tokio::test]
async fn one_tool_can_be_demanded() {
    let messages = [Message::user("go")];
    let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
    let request = ProviderRequest::new(&messages)
        .with_tools(&tools)
        .with_tool_choice(ToolChoice::Tool("f".into()));
    for (format, pointer, expected) in [
        (
            ApiFormat::OpenAiChat,
            "/tool_choice",
            json!({"type": "function", "function": {"name": "f"}}),
        ),
        (
            ApiFormat::OpenAiResponses,
            "/tool_choice",
            json!({"type": "function", "name": "f"}),
        ),
        (
            ApiFormat::AnthropicMessages,
            "/tool_choice",
            json!({"type": "tool", "name": "f"}),
        ),
        (
            ApiFormat::GeminiContents,
            "/toolConfig/functionCallingConfig",
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        let body = body_by(&without_limits(), format, &request, &no_storage()).await;
        let body = json_of(&body).await;
        assert_eq!(body.pointer(pointer), Some(&expected), "{format:?}");
    }
}

#[tokio::test]
async fn an_image_can_be_asked_for_as_it_is() {
    let messages = [user_with(
        "see",
        [png_of(100).with_detail(Detail::Original)],
    )];
    let body = sent(ApiFormat::OpenAiChat, &messages).await;
    assert_eq!(
        body["messages"][0]["content"][1]["image_url"]["detail"],
        "original"
    );
    let body = sent(ApiFormat::OpenAiResponses, &messages).await;
    assert_eq!(body["input"][0]["content"][1]["detail"], "original");
}

#[tokio::test]
async fn several_stores_serve_one_request() {
    let (one, two) = (InMemoryStorage::new(), tempfile::tempdir().unwrap());
    let two = media_store_fs::FileStore::open(two.path()).await.unwrap();
    let metadata = MediaMetadata::new()
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap());
    let mut media = Vec::new();
    for (len, stored) in [
        (100, one.store_media(&png_of(100), metadata.clone()).await),
        (200, two.store_media(&png_of(200), metadata.clone()).await),
    ] {
        media.push((
            len,
            MediaContent::from_reference(Mime::IMAGE_PNG, stored.unwrap()),
        ));
    }
    let messages: Vec<Message> = media
        .iter()
        .map(|(_, m)| user_with("see", [m.clone()]))
        .collect();
    let context = MediaContext::from_stores([
        Arc::new(one) as Arc<dyn MediaStorage>,
        Arc::new(two) as Arc<dyn MediaStorage>,
    ]);
    let body = body_of(ApiFormat::OpenAiChat, &messages, &context).await;
    for (at, (len, _)) in media.iter().enumerate() {
        let url = body["messages"][at]["content"][1]["image_url"]["url"]
            .as_str()
            .unwrap();
        let bytes = decoded(url.strip_prefix("data:image/png;base64,").unwrap());
        assert!(png_of(*len).inline().unwrap() == &bytes);
    }
}
