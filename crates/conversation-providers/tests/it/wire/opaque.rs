//! Opaque items, which go back to their API alone and unchanged.

use conversation_types::{OpaqueData, ProviderData, RawJson, TextPart};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use serde_json::json;
use test_servers::llm::{Given, LlmApi};

use super::*;

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
    let body = sent(ApiFormat::OPENAI_RESPONSES, &messages).await;
    assert_eq!(
        body["input"].as_array().unwrap()[1..5],
        [
            json!({"type": "reasoning", "encrypted_content": "o"}),
            json!({"role": "assistant", "content": "said"}),
            json!({"type": "image_generation_call", "id": "ig"}),
            json!({"role": "assistant", "content": "more"}),
        ]
    );
    let body = sent(ApiFormat::ANTHROPIC_MESSAGES, &messages).await;
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "a"},
            {"type": "text", "text": "said"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "text", "text": "more"}
        ])
    );
    let body = sent(ApiFormat::GEMINI_CONTENTS, &messages).await;
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "g"},
            {"text": "said"},
            {"text": "more"}
        ])
    );
    // This API has no place for any of them.
    let body = sent(ApiFormat::OPENAI_CHAT, &messages).await;
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
    let format = ApiFormat::OPENAI_RESPONSES;
    let body = body_by(&without_limits(), format, &request, &no_storage()).await;
    let body = String::from_utf8(super::text(&body).await).unwrap();
    assert!(body.contains(text), "{body}");
}

#[tokio::test]
async fn reasoning_without_what_it_led_to_is_not_sent() {
    let json = item(json!({"type": "reasoning"}));
    let reasoning = Part::reasoning("hm", Some(("openai".into(), json.into())));
    let alone = partial(vec![Part::from("said"), reasoning.clone()], vec![]);
    let body = sent(ApiFormat::OPENAI_RESPONSES, &[alone]).await;
    assert_eq!(body["input"].as_array().unwrap().len(), 1, "{body}");
    // A call is what it led to.
    let calls = vec![ToolCall::new("a", "a", "{}")];
    let followed = partial(vec![reasoning.clone()], calls);
    let body = sent(ApiFormat::OPENAI_RESPONSES, &[followed]).await;
    assert_eq!(body["input"][0]["type"], "reasoning");
    // A call that is not whole is none.
    let calls = vec![ToolCall::new("a", "a", "{")];
    let broken = partial(vec![reasoning], calls);
    let body = sent(ApiFormat::OPENAI_RESPONSES, &[broken]).await;
    assert_eq!(body["input"], json!([]));
}

#[tokio::test]
async fn a_call_of_the_provider_goes_out_only_with_its_result_or_where_its_answer_paused() {
    let anthropic = |json: Value| Part::opaque("anthropic", item(json));
    let search = |id: &str| {
        anthropic(json!({"type": "server_tool_use", "id": id, "name": "w", "input": {}}))
    };
    let found = |id: &str| {
        anthropic(json!({"type": "web_search_tool_result", "tool_use_id": id, "content": []}))
    };
    let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "a"});
    let thinking = Part::reasoning("hm", Some(("anthropic".to_owned(), item(thinking).into())));
    let parts = vec![
        search("one"),
        found("one"),
        Part::from("so"),
        thinking,
        search("two"),
    ];
    let kinds = |body: Value| -> Vec<String> {
        let blocks = body["messages"][1]["content"].as_array().unwrap().iter();
        blocks
            .map(|block| block["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let events = [
        json!({"type": "thinking_delta", "thinking": "hm"}),
        json!({"type": "signature_delta", "signature": "a"}),
    ];
    let events = events
        .map(|delta| json!({"type": "content_block_delta", "index": 0, "delta": delta}))
        .into_iter()
        .chain([json!({"type": "content_block_stop", "index": 0})]);
    let stream: String = events.map(|event| format!("data: {event}\n\n")).collect();
    let given = Given::of(&stream);
    let accepted = |body: &Value| {
        let checked = LlmApi::AnthropicMessages.check(body, &given);
        checked.unwrap_or_else(|broken| panic!("{broken}: {body}"));
    };
    let around = |answer: Message| [Message::user("go"), answer, Message::user("on")];
    // What led to the call that is left out is left out with it.
    let whole = ["server_tool_use", "web_search_tool_result", "text"];
    let paused = Message::assistant(parts.clone());
    let later = around(paused.clone());
    for messages in [&around(partial(parts, vec![]))[..], &later] {
        let body = sent(ApiFormat::ANTHROPIC_MESSAGES, messages).await;
        accepted(&body);
        assert_eq!(kinds(body), whole);
    }
    // Until the user goes on, the provider may go on with it, also once other calls have results.
    let calling = paused
        .clone()
        .with_tool_calls(vec![ToolCall::new("c", "f", "{}")]);
    let result = Message::tool("c", vec![Part::from("r")]);
    for (messages, last) in [
        (&later[..2], &["thinking", "server_tool_use"][..]),
        (
            &[Message::user("go"), calling, result],
            &["thinking", "server_tool_use", "tool_use"],
        ),
    ] {
        let body = sent(ApiFormat::ANTHROPIC_MESSAGES, messages).await;
        accepted(&body);
        assert_eq!(kinds(body), [&whole[..], last].concat());
    }
    // The result of a call may come in a later answer.
    let later = [
        partial(vec![search("one")], vec![]),
        assistant("so"),
        Message::assistant(vec![found("one")]),
    ];
    let body = sent(ApiFormat::ANTHROPIC_MESSAGES, &later).await;
    assert_eq!(body["messages"][0]["content"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_is_not_sent_to_responses_without_its_output() {
    let openai = |json: Value| Part::opaque("openai", item(json));
    let call = |kind: &str| openai(json!({"type": kind, "id": "x", "call_id": "c"}));
    let accepted = |body: &Value| {
        let checked = LlmApi::OpenAiResponses.check(body, &Given::default());
        checked.unwrap_or_else(|broken| panic!("{broken}: {body}"));
    };
    for (kind, goes_out) in [
        ("custom_tool_call", false),
        ("computer_call", false),
        ("shell_call", false),
        ("tool_search_call", false),
        ("program", true),
    ] {
        let whole = Message::assistant(vec![call(kind)]);
        for answer in [whole, partial(vec![call(kind)], vec![])] {
            let body = sent(ApiFormat::OPENAI_RESPONSES, &[answer, Message::user("on")]).await;
            accepted(&body);
            let items = body["input"].as_array().unwrap().len();
            assert_eq!(items == 2, goes_out, "{kind}: {body}");
        }
    }
    for (kind, answered) in [
        ("computer_call", "computer_call_output"),
        ("tool_search_call", "tool_search_output"),
    ] {
        let output = openai(json!({"type": answered, "call_id": "c", "output": {}}));
        let answered = partial(vec![call(kind), output], vec![]);
        let body = sent(ApiFormat::OPENAI_RESPONSES, &[answered]).await;
        accepted(&body);
        assert_eq!(body["input"].as_array().unwrap().len(), 2, "{body}");
    }
    // Those that hold what came of them have no output.
    let held = openai(json!({"type": "web_search_call", "id": "ws", "status": "completed"}));
    let body = sent(ApiFormat::OPENAI_RESPONSES, &[partial(vec![held], vec![])]).await;
    assert_eq!(body["input"][0]["id"], "ws");
}

#[tokio::test]
async fn reasoning_goes_with_the_call_that_it_led_to() {
    let thought = |id: &str| {
        let json = json!({"type": "reasoning", "id": id, "encrypted_content": "x"});
        Part::reasoning("", Some(("openai".to_owned(), item(json).into())))
    };
    let call =
        json!({"type": "custom_tool_call", "id": "ct", "call_id": "c", "name": "f", "input": ""});
    let answer = Message::assistant(vec![
        thought("r1"),
        Part::opaque("openai", item(call)),
        thought("r2"),
        Part::from("said"),
    ]);
    let body = sent(ApiFormat::OPENAI_RESPONSES, &[answer]).await;
    assert_eq!(
        body["input"],
        json!([
            {"type": "reasoning", "id": "r2", "encrypted_content": "x"},
            {"role": "assistant", "content": "said"}
        ])
    );
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
    let body = sent(ApiFormat::GEMINI_CONTENTS, &messages).await;
    let parts = body["contents"][1]["parts"].as_array().unwrap();
    let signatures: Vec<_> = parts.iter().map(|part| &part["thoughtSignature"]).collect();
    assert_eq!(signatures, ["s1", "s2", "s4", "s3"]);
    assert!(parts[1]["inlineData"]["data"].is_string());
    assert_eq!(parts[2]["text"], "");
    // Other APIs see neither the signatures nor the part that was made for one.
    let body = sent(ApiFormat::OPENAI_CHAT, &messages).await;
    assert!(!body.to_string().contains("s1") && !body.to_string().contains("thoughtSignature"));
    assert_eq!(body["messages"][1]["content"], "see");
}

#[tokio::test]
async fn signatures_of_version_0_1_are_found() {
    let json = r#"{"role":"assistant","content":[],"tool_calls":[{"id":"c","name":"f","arguments":"{}",
        "provider_data":{"thoughtSignature":"old"}}],"created_at":"2026-01-02T03:04:05Z"}"#;
    let message: Message = serde_json::from_str(json).unwrap();
    let body = sent(ApiFormat::GEMINI_CONTENTS, &[message]).await;
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
    let opaque =
        |reference| Part::reasoning("", Some(("openai".into(), OpaqueData::Stored(reference))));
    let messages = [Message::assistant(vec![opaque(stored), Part::from("said")])];
    let media = over(Arc::new(store));
    let body = body_of(ApiFormat::OPENAI_RESPONSES, &messages, &media).await;
    let expected: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        body["input"],
        json!([expected, {"role": "assistant", "content": "said"}])
    );
}
