//! What each API has a form for.

use conversation_providers::ResponseMode;
use conversation_types::ToolChoice;
use conversation_types::{RawJson, Role, ToolCall, ToolDefinition};
use media_types::{MediaSource, MediaUrl, ProviderFile};
use serde_json::json;

use super::*;

async fn sent(format: ApiFormat, request: &ProviderRequest<'_>) -> Value {
    let api = Capabilities::builtin()
        .api(format.capability_name())
        .unwrap();
    let body = RequestBody::new(format, "model-1", request, &api, &no_storage())
        .await
        .unwrap();
    json_of(&body).await
}

fn of_url(mime: Mime, end: &str) -> MediaContent {
    let url = MediaUrl::new(format!("https://example.com/{end}")).unwrap();
    MediaContent::from_url(mime, url)
}

fn file(provider: &str, mime: Mime) -> MediaContent {
    let file = ProviderFile::new(provider, "file-1").unwrap();
    MediaContent::new(mime, MediaSource::ProviderFile(file))
}

fn fields(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn urls_and_ids_go_where_they_are_accepted() {
    let media = |provider| {
        [
            of_url(Mime::IMAGE_PNG, "a.png"),
            of_url(Mime::APPLICATION_PDF, "a.pdf"),
            file(provider, Mime::IMAGE_PNG),
            file(provider, Mime::APPLICATION_PDF),
        ]
    };
    let content = async |format: ApiFormat| {
        let messages = [user_with("see", media(format.family()))];
        let request = ProviderRequest::new(&messages);
        let sent = sent(format, &request).await;
        let field = |name: &str, inner: &str| sent[name][0][inner].clone();
        match format.capability_name() {
            "openai.chat" => field("messages", "content"),
            "openai.responses" => field("input", "content"),
            "anthropic.messages" => field("messages", "content"),
            _ => field("contents", "parts"),
        }
    };
    let is_note = |part: &Value| {
        part["text"]
            .as_str()
            .is_some_and(|text| text.contains("is not attached"))
    };

    let chat = content(ApiFormat::OPENAI_CHAT).await;
    assert_eq!(
        chat[1]["image_url"]["url"],
        json!("https://example.com/a.png")
    );
    assert!(is_note(&chat[2]) && is_note(&chat[3]), "{chat}");
    assert_eq!(
        chat[4],
        json!({"type": "file", "file": {"file_id": "file-1"}})
    );

    let responses = content(ApiFormat::OPENAI_RESPONSES).await;
    assert_eq!(
        responses[1],
        json!({"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"})
    );
    assert_eq!(
        responses[2],
        json!({"type": "input_file", "file_url": "https://example.com/a.pdf"})
    );
    assert_eq!(
        responses[3],
        json!({"type": "input_image", "file_id": "file-1", "detail": "auto"})
    );
    assert_eq!(
        responses[4],
        json!({"type": "input_file", "file_id": "file-1"})
    );

    let anthropic = content(ApiFormat::ANTHROPIC_MESSAGES).await;
    let by_url = |url| json!({"type": "url", "url": url});
    assert_eq!(anthropic[1]["source"], by_url("https://example.com/a.png"));
    assert_eq!(anthropic[2]["type"], "document");
    assert_eq!(anthropic[2]["source"], by_url("https://example.com/a.pdf"));
    let by_id = json!({"type": "file", "file_id": "file-1"});
    assert_eq!(anthropic[3]["source"], by_id);
    assert_eq!(anthropic[4]["source"], by_id);

    let gemini = content(ApiFormat::GEMINI_CONTENTS).await;
    // Not every model fetches URLs, so none is given.
    assert!(is_note(&gemini[1]) && is_note(&gemini[2]), "{gemini}");
    assert_eq!(
        gemini[3]["fileData"]["file_uri"],
        "https://generativelanguage.googleapis.com/v1beta/file-1"
    );
}

#[tokio::test]
async fn where_gemini_fetches_urls_it_is_given_them() {
    let api = Capabilities::builtin().api("vertex.gemini").unwrap();
    let messages = [user_with("see", [of_url(Mime::IMAGE_PNG, "a.png")])];
    let request = ProviderRequest::new(&messages);
    let format = ApiFormat::GEMINI_CONTENTS;
    let body = RequestBody::new(format, "", &request, &api, &no_storage()).await;
    let sent = json_of(&body.unwrap()).await;
    assert_eq!(
        sent["contents"][0]["parts"][1],
        json!({"fileData": {"file_uri": "https://example.com/a.png", "mime_type": "image/png"}})
    );
}

#[tokio::test]
async fn where_claude_is_hosted_by_others_it_gets_bytes() {
    let api = Capabilities::builtin().api("bedrock.anthropic").unwrap();
    let png = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"\x89PNG\r\n\x1a\n"[..]);
    let messages = [user_with("see", [of_url(Mime::IMAGE_PNG, "a.png"), png])];
    let version = fields(json!({"anthropic_version": "bedrock-2023-05-31"}));
    let request = ProviderRequest::new(&messages).with_parameters(version);
    let format = ApiFormat::ANTHROPIC_MESSAGES;
    let body = RequestBody::new(format, "", &request, &api, &no_storage()).await;
    let sent = json_of(&body.unwrap()).await;
    assert_eq!(sent.get("model"), None);
    assert_eq!(sent["anthropic_version"], "bedrock-2023-05-31");
    assert_eq!(sent["messages"][0]["content"][1]["type"], "text");
    assert_eq!(
        sent["messages"][0]["content"][2]["source"]["type"],
        "base64"
    );
}

/// Two tools are called at once; both show something, one of them a picture.
fn round() -> Vec<Message> {
    let mut calls = assistant("two at once");
    calls.tool_calls = vec![
        ToolCall::new("c1", "paint", "{"),
        ToolCall::new("c2", "draw", ""),
    ];
    let signature = RawJson::from(json!({"thoughtSignature": "c2ln"}));
    calls.tool_calls[1]
        .provider_data
        .insert("gemini", signature);
    let png = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"\x89PNG\r\n\x1a\n"[..]);
    vec![
        Message::user("go"),
        calls,
        Message::tool("c1", vec![Part::from("done"), Part::Media(png)]),
        Message::tool("c2", vec![Part::from("[1]")]),
        Message::new(Role::System, vec![Part::from("Be kind.")]),
        assistant(""),
        Message::user("and now?"),
    ]
}

const PNG: &str = "iVBORw0KGgo=";

#[tokio::test]
async fn rounds_of_tools() {
    let messages = round();
    let tools = [ToolDefinition::new("paint", "", Value::Null)];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("Be brief."))
        .with_tools(&tools)
        .with_tool_choice(ToolChoice::Required)
        .with_mode(ResponseMode::Streaming)
        .with_parameters(fields(
            json!({"max_tokens": 7, "stop": "END", "messages": [], "top_p": null}),
        ));

    let responses = sent(ApiFormat::OPENAI_RESPONSES, &request).await;
    let call = |id, name, arguments| json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments});
    assert_eq!(
        responses["input"],
        json!([
            {"role": "user", "content": [{"type": "input_text", "text": "go"}]},
            {"role": "assistant", "content": "two at once"},
            call("c1", "paint", "{\"arguments\":\"{\"}"),
            call("c2", "draw", "{}"),
            {"type": "function_call_output", "call_id": "c1", "output": [
                {"type": "input_text", "text": "done"},
                {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}]},
            {"type": "function_call_output", "call_id": "c2", "output": "[1]"},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "and now?"}]}
        ])
    );
    assert_eq!(responses["max_output_tokens"], 7);
    assert_eq!(responses["tool_choice"], "required");
    assert_eq!(responses["stream"], true);

    let anthropic = sent(ApiFormat::ANTHROPIC_MESSAGES, &request).await;
    let text = |text| json!({"type": "text", "text": text});
    assert_eq!(
        anthropic["messages"],
        json!([
            {"role": "user", "content": [text("go")]},
            {"role": "assistant", "content": [
                text("two at once"),
                {"type": "tool_use", "id": "c1", "name": "paint", "input": {"arguments": "{"}},
                {"type": "tool_use", "id": "c2", "name": "draw", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [
                    text("done"),
                    {"type": "image", "source":
                        {"type": "base64", "media_type": "image/png", "data": PNG}}]},
                {"type": "tool_result", "tool_use_id": "c2", "content": [text("[1]")]},
                text("and now?")]}
        ])
    );
    assert_eq!(anthropic["system"], "Be brief.\n\nBe kind.");
    assert_eq!(anthropic["tool_choice"], json!({"type": "any"}));
    assert_eq!(anthropic["stop_sequences"], json!(["END"]));
    assert_eq!(anthropic["max_tokens"], 7);
    assert_eq!(
        anthropic["tools"],
        json!([{"name": "paint", "input_schema": {"type": "object"}}])
    );

    let gemini = sent(ApiFormat::GEMINI_CONTENTS, &request).await;
    let text = |text| json!({"text": text});
    assert_eq!(
        gemini["contents"],
        json!([
            {"role": "user", "parts": [text("go")]},
            {"role": "model", "parts": [
                text("two at once"),
                {"functionCall": {"name": "paint", "args": {"arguments": "{"}}},
                {"functionCall": {"name": "draw", "args": {}}, "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [
                {"functionResponse": {
                    "name": "paint", "response": {"output": "done"},
                    "parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]}},
                {"functionResponse": {"name": "draw", "response": {"output": "[1]"}}}]},
            {"role": "user", "parts": [text("and now?")]}
        ])
    );
    assert_eq!(
        gemini["systemInstruction"]["parts"],
        json!([text("Be brief."), text("Be kind.")])
    );
    assert_eq!(
        gemini["toolConfig"],
        json!({"functionCallingConfig": {"mode": "ANY"}})
    );
    assert_eq!(
        gemini["generationConfig"],
        json!({"maxOutputTokens": 7, "stopSequences": ["END"]})
    );
    assert_eq!(gemini.get("model"), None);
    assert_eq!(gemini.get("stream"), None);
}

#[tokio::test]
async fn a_picture_of_the_model_comes_back_to_it() {
    let png = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"\x89PNG\r\n\x1a\n"[..]);
    let mut answer = assistant("here");
    answer.content.push(Part::Media(png));
    let messages = [Message::user("paint"), answer, Message::user("more red")];
    let request = ProviderRequest::new(&messages);
    let gemini = sent(ApiFormat::GEMINI_CONTENTS, &request).await;
    assert_eq!(gemini["contents"][1]["role"], "model");
    assert_eq!(gemini["contents"][1]["parts"][1]["inlineData"]["data"], PNG);
    let anthropic = sent(ApiFormat::ANTHROPIC_MESSAGES, &request).await;
    assert_eq!(anthropic["messages"][2]["role"], "user");
    assert_eq!(
        anthropic["messages"][2]["content"][1]["source"]["data"],
        PNG
    );
    let responses = sent(ApiFormat::OPENAI_RESPONSES, &request).await;
    assert_eq!(responses["input"][2]["content"][1]["type"], "input_image");
}

#[tokio::test]
async fn files_of_text_go_as_words() {
    let json: Mime = "application/json".parse().unwrap();
    let files = [
        MediaContent::from_bytes(Mime::TEXT_CSV, "a,b\n1,2\n").with_filename("t.csv"),
        MediaContent::from_bytes(Mime::TEXT_MARKDOWN, "# Title"),
        MediaContent::from_bytes(json, r#"{"k":"v"}"#),
    ];
    let broken = MediaContent::from_bytes(Mime::TEXT_CSV, vec![0xff, 0xfe, b'a']);
    let messages = [user_with("read", files), user_with("and", [broken])];
    let request = ProviderRequest::new(&messages);
    for format in FORMS {
        let body = body_by(&Capabilities::builtin(), format, &request, &no_storage()).await;
        let sent = String::from_utf8(text(&body).await).unwrap();
        for words in [
            r#"[file \"t.csv\", text/csv]\na,b\n1,2\n"#,
            r"[file, text/markdown]\n# Title",
            r#"[file, application/json]\n{\"k\":\"v\"}"#,
        ] {
            assert!(sent.contains(words), "{format:?} {words} {sent}");
        }
        assert_eq!(body.omitted_media().len(), 1, "{format:?}");
    }
}

#[tokio::test]
async fn the_newest_files_of_text_go_as_words_where_there_are_too_many() {
    let mut messages = Vec::new();
    for n in 0..20 {
        let text = format!("{n:04}").repeat(62_500);
        let file = MediaContent::from_bytes(Mime::TEXT_MARKDOWN, text);
        messages.push(user_with("read", [file.with_filename(format!("{n}.md"))]));
        messages.push(Message::assistant(vec![Part::from("done")]));
    }
    let request = ProviderRequest::new(&messages);
    let format = ApiFormat::ANTHROPIC_MESSAGES;
    let body = body_by(&Capabilities::builtin(), format, &request, &no_storage()).await;
    let sent = String::from_utf8(text(&body).await).unwrap();
    let is_sent = |n: &usize| sent.contains(&format!("[file \\\"{n}.md\\\""));
    let files: Vec<usize> = (0..20).filter(is_sent).collect();
    assert_eq!(files, (5..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn files_of_text_that_differ_in_their_middle_or_name_alone_are_told_apart() {
    let csv = |middle: &str, name: &str| {
        let ends = "x".repeat(5000);
        let text = format!("{ends}{middle}{ends}");
        MediaContent::from_bytes(Mime::TEXT_CSV, text).with_filename(name.to_owned())
    };
    let messages = [
        user_with("before", [csv("[then]", "a.csv")]),
        user_with("after", [csv("[now!]", "b.csv"), csv("[now!]", "c.csv")]),
    ];
    let request = ProviderRequest::new(&messages);
    for format in FORMS {
        let body = body_by(&Capabilities::builtin(), format, &request, &no_storage()).await;
        let sent = String::from_utf8(text(&body).await).unwrap();
        let at = |words: &str| {
            let found: Vec<usize> = sent.match_indices(words).map(|(at, _)| at).collect();
            assert_eq!(found.len(), 1, "{format:?} {words}");
            found[0]
        };
        assert_eq!(sent.matches("[now!]").count(), 2, "{format:?}");
        assert!(at("before") < at("a.csv") && at("a.csv") < at("[then]"));
        assert!(at("[then]") < at("after") && at("after") < at("b.csv"));
        assert!(at("b.csv") < at("c.csv"));
    }
}

#[tokio::test]
async fn the_result_of_a_call_that_failed_says_so() {
    let call = |id: &str| ToolCall::new(id, "f", "{}");
    let mut failed = Message::tool("a", vec![Part::from("error: no")]);
    failed.metadata.insert("is_error".to_owned(), true.into());
    let messages = [
        Message::assistant(Vec::new()).with_tool_calls(vec![call("a"), call("b")]),
        failed,
        Message::tool("b", vec![Part::from("yes")]),
    ];
    let request = ProviderRequest::new(&messages);
    let anthropic = sent(ApiFormat::ANTHROPIC_MESSAGES, &request).await;
    let results = &anthropic["messages"][1]["content"];
    assert_eq!(results[0]["is_error"], true, "{results}");
    assert_eq!(results[1].get("is_error"), None, "{results}");
    let gemini = sent(ApiFormat::GEMINI_CONTENTS, &request).await;
    let results = &gemini["contents"][1]["parts"];
    let response = |at: usize| &results[at]["functionResponse"]["response"];
    assert_eq!(response(0), &serde_json::json!({"error": "error: no"}));
    assert_eq!(response(1), &serde_json::json!({"output": "yes"}));
}
