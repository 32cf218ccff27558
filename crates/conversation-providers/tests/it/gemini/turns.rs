//! Turns: what is sent, what comes back, and that all of it is sent again.

use super::*;

fn first_turn(golden: &Value) -> Message {
    let parts = golden["contents"][0]["parts"].as_array().unwrap();
    let file = ProviderFile::new("gemini", "files/abc").unwrap();
    let url = parts[3]["fileData"]["file_uri"].as_str().unwrap();
    Message::user(
        UserMessage::new()
            .with_part("look")
            .with_part(inline(&parts[1], Mime::IMAGE_PNG))
            .with_part(MediaContent::new(
                Mime::IMAGE_PNG,
                MediaSource::ProviderFile(file),
            ))
            .with_part(MediaContent::from_url(
                Mime::APPLICATION_PDF,
                MediaUrl::new(url).unwrap(),
            ))
            .with_part(inline(&parts[4], Mime::AUDIO_WAV)),
    )
}

#[tokio::test]
async fn two_turns_are_those_of_the_official_client() {
    let (one, two) = (golden("turn1"), golden("turn2_signatures_and_tool_image"));
    let answer = json!({"candidates": [{"content": two["contents"][1], "finishReason": "STOP"}],
        "modelVersion": "gemini-x", "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 1,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "cachedContentTokenCount": 4}});
    let peer = Peer::start([Act::json(200, &answer), Act::json(200, &answer)]).await;
    let provider = provider(&peer).with_capabilities(&all_forms());
    let parameters = || {
        let mut given = fields(one["generationConfig"].clone());
        given.insert("tools".to_owned(), one["tools"].clone());
        given
    };
    let mut messages = vec![first_turn(&one)];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_parameters(parameters());
    let done = ask_with(&provider, request).await.unwrap();
    assert_eq!(done.finish, FinishReason::ToolCalls);
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (11, 8));
    assert_eq!(
        (done.usage.cached_input_tokens, done.usage.reasoning_tokens),
        (4, 3)
    );
    assert_eq!(done.response_id.as_deref(), Some("r1"));
    assert_eq!(done.tool_calls[0].id, "fc1");
    messages.push(message_of(done));
    let shown = &two["contents"][2]["parts"][0]["functionResponse"]["parts"][0];
    let shown = inline(&normalized(shown.clone()), Mime::IMAGE_PNG);
    let result = vec![Part::from(r#"{"ok": true}"#), Part::Media(shown)];
    messages.push(Message::tool("fc1", result));
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_parameters(parameters());
    ask_with(&provider, request).await.unwrap();
    let sent = peer.received();
    assert_eq!(
        sent[0].line,
        "POST /v1/models/gemini-x:generateContent HTTP/1.1"
    );
    assert_eq!(sent[0].header("x-goog-api-key"), Some(KEY));
    assert_eq!(sent[0].header("authorization"), None);
    assert_eq!(sent[0].json(), one);
    assert_eq!(sent[1].json(), two);
}

#[tokio::test]
async fn two_turns_are_those_of_the_other_official_client() {
    let (one, two) = (golden("js_turn1"), golden("js_turn2"));
    let answer = json!({"candidates": [{"content": two["contents"][1], "finishReason": "STOP"}]});
    let peer = Peer::start([Act::json(200, &answer), Act::json(200, &answer)]).await;
    let provider = provider(&peer);
    let image = inline(&one["contents"][0]["parts"][1], Mime::IMAGE_PNG);
    let message = Message::user(UserMessage::from("x").with_part(image.clone()));
    let done = ask(&provider, &[message], ResponseMode::Complete)
        .await
        .unwrap();
    let result = vec![Part::from("{}"), Part::Media(image)];
    let messages = [
        Message::user("x"),
        message_of(done),
        Message::tool("f1", result),
    ];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received();
    assert_eq!(normalized(sent[0].json()), normalized(one));
    assert_eq!(normalized(sent[1].json()), normalized(two));
}

#[tokio::test]
async fn version_key_and_query_can_be_set() {
    let peer = Peer::start((0..3).map(|_| Act::json(200, &answered("ok")))).await;
    let base = peer.url().trim_end_matches("/v1").to_owned();
    let ask = async |provider: GeminiProvider| {
        ask(&provider, &[Message::user("x")], ResponseMode::Complete)
            .await
            .unwrap();
    };
    let provider = GeminiProvider::new(KEY, "gemini-x").with_base_url(&base);
    ask(provider.clone()).await;
    ask(provider
        .clone()
        .with_api_version("v1beta")
        .with_bearer_key())
    .await;
    let publisher = GeminiProvider::new(KEY, "publishers/google/models/gemini-x")
        .with_base_url(&base)
        .with_key_header("api-key")
        .with_query_parameter("api-version", "2026-01-01");
    ask(publisher).await;
    let sent = peer.received();
    let lines: Vec<&str> = sent.iter().map(|sent| sent.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/models/gemini-x:generateContent HTTP/1.1",
            "POST /v1beta/models/gemini-x:generateContent HTTP/1.1",
            "POST /v1/publishers/google/models/gemini-x:generateContent?api-version=2026-01-01 HTTP/1.1",
        ]
    );
    let bearer = format!("Bearer {KEY}");
    assert_eq!(sent[1].header("authorization"), Some(bearer.as_str()));
    assert_eq!(sent[2].header("api-key"), Some(KEY));
    assert_eq!(sent[2].header("x-goog-api-key"), None);
}

#[tokio::test]
async fn calls_of_another_model_go_out_with_what_the_api_takes_for_a_signature() {
    let peer = Peer::start([Act::json(200, &answered("ok"))]).await;
    let mut calls = Message::new(Role::Assistant, vec![Part::from("I look.")]);
    calls.tool_calls = vec![ToolCall::new("a", "f", "{}"), ToolCall::new("b", "g", "{}")];
    let messages = [Message::user("x"), calls];
    ask(&provider(&peer), &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let parts = peer.only().json()["contents"][1]["parts"].take();
    assert_eq!(
        parts[1]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    assert_eq!(parts[2].get("thoughtSignature"), None);
    assert_eq!(parts[1]["functionCall"].get("id"), None);
}
