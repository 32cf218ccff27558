//! Second turns, with everything that the official clients sent back.

use conversation_types::{RawJson, Role, ToolCall, ToolDefinition};
use media_types::{Detail, MediaSource, MediaUrl, ProviderFile};
use serde_json::json;

use super::golden::{file_at, recorded};
use super::*;

/// Without what messages of ours do not hold: marks for caches, and fields that say what is so anyway.
fn without(mut value: Value, fields: &[&str]) -> Value {
    fn strip(value: &mut Value, fields: &[&str]) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| strip(item, fields)),
            Value::Object(map) => {
                map.retain(|name, _| !fields.contains(&name.as_str()));
                map.values_mut().for_each(|value| strip(value, fields));
            }
            _ => {}
        }
    }
    strip(&mut value, fields);
    value
}

fn verbatim(block: &Value) -> Part {
    Part::opaque("anthropic", RawJson::from(block.clone()))
}

fn thinking(block: &Value) -> Part {
    Part::reasoning(
        "",
        Some(("anthropic".into(), RawJson::from(block.clone()).into())),
    )
}

fn png(data: &Value) -> MediaContent {
    let text = data.as_str().unwrap().rsplit(',').next().unwrap();
    MediaContent::from_bytes(Mime::IMAGE_PNG, decoded(text))
}

fn pdf() -> MediaContent {
    MediaContent::from_base64(Mime::APPLICATION_PDF, "JVBERi0xLjQKJSVFT0Y=").unwrap()
}

fn at(mime: Mime, url: &str) -> MediaContent {
    MediaContent::from_url(mime, MediaUrl::new(url).unwrap())
}

fn tool_of(schema: &Value) -> [ToolDefinition; 1] {
    [ToolDefinition::new("shot", "d", schema.clone())]
}

async fn sent(format: ApiFormat, model: &str, request: &ProviderRequest<'_>) -> Value {
    let api = Capabilities::builtin()
        .api(format.capability_name())
        .unwrap();
    let body = RequestBody::new(format, model, request, &api, &no_storage())
        .await
        .unwrap();
    assert_eq!(body.omitted_media(), []);
    json_of(&body).await
}

/// The message with media from everywhere, of blocks as they were recorded.
fn all_sources(message: &Value) -> Message {
    let asked = message["content"].as_array().unwrap();
    let document = ProviderFile::new("anthropic", "file_2").unwrap();
    // Blocks that only this API has stand in a message as they are.
    Message::user(vec![
        "look".into(),
        verbatim(&asked[1]),
        at(Mime::IMAGE_PNG, "https://example.com/a.png").into(),
        file_at("anthropic", "file_1").into(),
        verbatim(&asked[4]),
        at(Mime::APPLICATION_PDF, "https://example.com/a.pdf").into(),
        MediaContent::new(Mime::APPLICATION_PDF, MediaSource::ProviderFile(document)).into(),
        verbatim(&asked[7]),
        verbatim(&asked[8]),
    ])
}

#[tokio::test]
async fn anthropic_with_all_sources() {
    let golden = recorded("anthropic/turn1_all_sources")["body"].clone();
    let messages = [all_sources(&golden["messages"][0])];
    let tools = tool_of(&golden["tools"][0]["input_schema"]);
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_tools(&tools)
        .with_parameters(json!({"max_tokens": 99}).as_object().unwrap().clone());
    let ours = sent(ApiFormat::ANTHROPIC_MESSAGES, "claude-x", &request).await;
    let mut theirs = golden;
    // A list of one text says the same as the text; its mark for caches is not ours to set.
    theirs["system"] = "sys".into();
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn anthropic_with_all_sources_thinking_and_images_of_tools() {
    let golden = recorded("anthropic/turn2_thinking_and_tool_images")["body"].clone();
    let messages = golden["messages"].as_array().unwrap();
    let user = all_sources(&messages[0]);
    let said = messages[1]["content"].as_array().unwrap();
    let answer = Message::assistant(vec![
        thinking(&said[0]),
        thinking(&said[1]),
        "I look.".into(),
    ])
    .with_tool_calls(vec![ToolCall::new("toolu_1", "shot", r#"{"a":1}"#)]);
    let shown = &messages[2]["content"][0]["content"];
    let result = vec![
        "shot".into(),
        png(&shown[1]["source"]["data"]).into(),
        pdf().into(),
    ];
    let messages = [user, answer, Message::tool("toolu_1", result)];
    let tools = tool_of(&golden["tools"][0]["input_schema"]);
    let parameters = json!({"max_tokens": 99, "thinking": golden["thinking"]});
    let request = ProviderRequest::new(&messages)
        .with_tools(&tools)
        .with_parameters(parameters.as_object().unwrap().clone());
    let mut ours = sent(ApiFormat::ANTHROPIC_MESSAGES, "claude-x", &request).await;
    // What stands there as it was is not looked at; of the rest, marks are not ours to set.
    let mut theirs = golden.clone();
    for body in [&mut ours, &mut theirs] {
        let results = body["messages"][2]["content"].take();
        body["messages"][2]["content"] = without(results, &["cache_control", "is_error"]);
    }
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn anthropic_of_the_other_official_client() {
    let golden = recorded("anthropic/js_turn2")["body"].clone();
    let image = png(&golden["messages"][0]["content"][0]["source"]["data"]);
    let said = golden["messages"][1]["content"].as_array().unwrap();
    let answer = Message::assistant(vec![thinking(&said[0]), thinking(&said[1])])
        .with_tool_calls(vec![ToolCall::new("t", "f", "{}")]);
    let messages = [
        Message::user(vec![image.clone().into()]),
        answer,
        Message::tool("t", vec![image.into()]),
    ];
    let parameters = json!({"max_tokens": 9});
    let request =
        ProviderRequest::new(&messages).with_parameters(parameters.as_object().unwrap().clone());
    assert_eq!(
        sent(ApiFormat::ANTHROPIC_MESSAGES, "c", &request).await,
        golden
    );
}

#[tokio::test]
async fn chat_with_audio_files_and_calls() {
    let golden = recorded("openai/chat_turn2")["body"].clone();
    let asked = &golden["messages"][1]["content"];
    let audio = asked[2]["input_audio"]["data"].as_str().unwrap();
    let file = ProviderFile::new("openai", "file-1").unwrap();
    let user = Message::user(vec![
        "look".into(),
        png(&asked[1]["image_url"]["url"])
            .with_detail(Detail::Original)
            .into(),
        MediaContent::from_base64(Mime::AUDIO_WAV, audio)
            .unwrap()
            .into(),
        pdf().with_filename("a.pdf").into(),
        MediaContent::new(Mime::APPLICATION_PDF, MediaSource::ProviderFile(file)).into(),
    ]);
    let call = Message::new(Role::Assistant, vec![]).with_tool_calls(vec![ToolCall::new(
        "call_1",
        "f",
        r#"{"a":1}"#,
    )]);
    let messages = [user, call, Message::tool("call_1", vec!["done".into()])];
    let tools = [ToolDefinition::new(
        "f",
        "",
        json!({"type": "object", "properties": {}}),
    )];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_tools(&tools)
        .with_parameters(json!({"max_tokens": 99}).as_object().unwrap().clone());
    let ours = sent(ApiFormat::OPENAI_CHAT, "gpt-6.2-sol", &request).await;
    let mut theirs = without(golden, &["prompt_cache_breakpoint", "audio"]);
    // More servers know the older word, read an empty text than a null, and a text than a list of one.
    theirs["messages"][0]["role"] = "system".into();
    theirs["messages"][2]["content"] = "".into();
    theirs["messages"][3]["content"] = "done".into();
    assert_eq!(ours, theirs);
}
