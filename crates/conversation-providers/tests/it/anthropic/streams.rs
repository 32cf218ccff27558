//! Streams, whole and cut.

use super::*;

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    for size in [1, 7, 100, 10_000] {
        let peer = Peer::start([Act::events(STREAM, size), Act::json(200, &whole())]).await;
        for mode in [ResponseMode::Streaming, ResponseMode::Complete] {
            let done = ask(&provider(&peer), &[user("x")], mode).await.unwrap();
            assert_eq!(done.content.len(), 3, "{mode:?}");
            assert_eq!(
                json_of(&done.content[0]),
                json!({"type": "thinking", "thinking": "hm", "signature": "EqQBsig=="})
            );
            assert_eq!(
                json_of(&done.content[1]),
                json!({"type": "redacted_thinking", "data": "EmwKAred=="})
            );
            assert_eq!(done.content[2], Part::text("I look."));
            assert_eq!(done.tool_calls.len(), 1);
            let call = &done.tool_calls[0];
            assert_eq!((call.id.as_str(), call.name.as_str()), ("toolu_1", "shot"));
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            assert_eq!(arguments, json!({"a": 1}));
            assert_eq!(done.finish, FinishReason::ToolCalls);
            assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (1, 9));
            assert_eq!(done.usage.source, UsageSource::Reported);
            assert_eq!(
                (done.provider.as_str(), done.model.as_str()),
                ("anthropic", "claude-x")
            );
            assert_eq!(done.response_id.as_deref(), Some("msg_1"));
        }
        let sent = peer.received();
        assert_eq!(sent[0].line, "POST /v1/messages HTTP/1.1");
        assert_eq!(sent[0].header("x-api-key"), Some(KEY));
        assert_eq!(sent[0].header("authorization"), None);
        assert_eq!(sent[0].header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(sent[0].json()["stream"], true);
        assert_eq!(sent[1].json().get("stream"), None);
    }
}

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let bytes = STREAM.as_bytes();
    let acts = cuts(bytes.len()).flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &bytes[..cut]].concat()]),
            Act::json(200, &whole()),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let (mut texts, mut signed) = (0, 0);
    for cut in cuts(bytes.len()) {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[user("x")], ResponseMode::Streaming).await {
            Err(error) => Some(error),
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                events.into_iter().last().unwrap().err()
            }
        };
        if let Some(error) = &error {
            assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
        }
        let message = answer.into_message();
        let is_partial = message.status == MessageStatus::Partial;
        assert_eq!(error.is_some(), is_partial, "{cut}");
        texts += usize::from(message.text() == "I look.");
        let first = message.content.first();
        signed += usize::from(matches!(
            first,
            Some(Part::Reasoning {
                opaque: Some(_),
                ..
            })
        ));
        let messages = [user("x"), message, user("go on")];
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
    }
    let received = peer.received();
    assert_eq!(received.len(), 2 * cuts(bytes.len()).count());
    let answered = received.iter().skip(1).step_by(2);
    answered.for_each(|request| check_rules(&request.json()));
    assert!(texts > 20 && signed > texts);
}

#[tokio::test]
async fn blocks_that_only_this_api_understands_are_kept() {
    let search = json!({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [
        {"type": "web_search_result", "url": "https://h", "encrypted_content": "x"}]});
    let stream = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"query\":"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "\"x\"}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": search}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "some_event_of_the_future", "x": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat();
    let peer = Peer::start([Act::events(&stream, 33)]).await;
    let done = ask(&provider(&peer), &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(
        json_of(&done.content[0]),
        json!({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}})
    );
    assert_eq!(json_of(&done.content[1]), search);
    assert_eq!(done.finish, FinishReason::Pause);
}

#[tokio::test]
async fn unsigned_thinking_and_halves_of_characters_are_kept_for_the_reader() {
    let stream = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\ud83d"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\ude00\ud83d"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_stop"}"#,
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat();
    let peer = Peer::start([Act::events(&stream, 33)]).await;
    let done = ask(&provider(&peer), &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(
        done.content,
        [
            Part::reasoning("hm", None),
            Part::text("a\u{1f600}\u{fffd}")
        ]
    );
    // Nothing was reported: it is estimated.
    assert_eq!(done.usage.source, UsageSource::Estimated);
    assert!(done.usage.input_tokens > 0 && done.usage.output_tokens > 0);
}
