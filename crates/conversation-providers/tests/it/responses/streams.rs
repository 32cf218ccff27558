//! Streams, whole and cut.

use super::*;
use crate::openai::contract::conforms;

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    for size in [1, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(STREAM, size), Act::events(STREAM, size)]).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
            .await
            .unwrap();
        assert_eq!(done.content.len(), 3);
        // The recording has its call only in the last event.
        assert_eq!(done.tool_calls.len(), 1);
        assert!(
            matches!(&done.content[0], Part::Reasoning { text, opaque: Some(_), .. } if text == "thinking")
        );
        let image = done.content[1].as_media().unwrap();
        let result = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAHUlEQVR42mPw8vKaNWvWq1evGDIyMnbs2MHBwQEAYGII4/BI378AAAAASUVORK5CYII=";
        assert_eq!(base64::encode(image.inline().unwrap()), result);
        assert_eq!(done.text(), "working");
        assert_eq!(done.response_id.as_deref(), Some("resp_1"));
        let messages = [Message::user("x"), message_of(done), Message::user("on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        let sent = peer.received();
        assert_eq!(sent[0].json()["stream"], true);
        assert_eq!(
            sent[0].json()["stream_options"],
            json!({"include_obfuscation": false})
        );
        assert_eq!(sent[0].json()["store"], false);
        let items = sent[1].json()["input"].take();
        assert_eq!(items[1]["encrypted_content"], "gAAAAABenc==");
        assert_eq!(items[2]["result"], result);
        assert_eq!(items[3]["phase"], "commentary");
        assert_eq!(items[3]["content"][0]["text"], "working");
    }
}

#[tokio::test]
async fn every_item_goes_back_unchanged_and_in_order() {
    let image = picture_bytes(1, 3000);
    let (stream, output) = rich_stream(&image);
    for mode in [ResponseMode::Streaming, ResponseMode::Complete] {
        let first = match mode {
            ResponseMode::Streaming => Act::events(&stream, 997),
            _ => Act::json(200, &answer(&output)),
        };
        let peer = Peer::start([first, Act::json(200, &answer(&json!([])))]).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], mode).await.unwrap();
        assert_eq!(done.text(), "one \u{1f600}\ntwo");
        assert_eq!(done.tool_calls.len(), 2);
        assert_eq!(done.tool_calls[1].arguments, "{\"n\":2}");
        assert_eq!(done.content.iter().filter_map(Part::as_media).count(), 1);
        let results = ["call_1", "call_2"].map(|id| Message::tool(id, vec![Part::from(id)]));
        let mut messages = vec![Message::user("x"), message_of(done)];
        messages.extend(results);
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
        conforms("CreateResponse", &peer.received()[1].json());
        let sent = first_form(peer.received()[1].json());
        let expected = first_form(json!({"input": output}));
        let items = sent["input"].as_array().unwrap();
        assert_eq!(json!(items[1..8]), expected["input"], "{mode:?}");
        assert_eq!(items[8]["call_id"], "call_1");
    }
}

#[tokio::test]
async fn an_image_is_kept_once_however_often_it_comes() {
    let image = picture_bytes(1, 3_000_000);
    let (stream, _) = rich_stream(&image);
    let peer = Peer::start([Act::events(&stream, 64 * 1024)]).await;
    // The image comes three times; the answer may have little more than one.
    let provider = provider(&peer).with_max_answer_bytes(4_000_000);
    let mut turn = Turn::new();
    let messages = [Message::user("x")];
    let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    let response = provider.complete(request, &turn.media()).await.unwrap();
    let mut events = response.into_events();
    let (mut content, mut most, mut previews) = (None, 0, 0);
    while let Some(event) = events.next().await {
        most = most.max(turn.open_files());
        match event.unwrap() {
            ResponseEvent::Media(media) => content = Some(media),
            // It is whole, and in memory alone.
            ResponseEvent::PartialImage(preview) => {
                assert_eq!((preview.item.as_str(), preview.index), ("ig_1", 0));
                assert!(preview.bytes == image && content.is_none());
                previews += 1;
            }
            _ => {}
        }
    }
    assert_eq!(previews, 1);
    assert!(turn.bytes(&content.unwrap()).await == image);
    assert!(most <= 2, "{most} files at once");
    drop(events);
    turn.end();
}

#[tokio::test]
async fn a_server_that_sends_its_items_only_at_the_end_is_understood() {
    let image = picture_bytes(1, 3000);
    let (_, output) = rich_stream(&image);
    let stream = sse(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.completed", "response": answer(&output)}),
    ]);
    let peer = Peer::start([Act::events(&stream, 100)]).await;
    let done = ask(
        &provider(&peer),
        &[Message::user("x")],
        ResponseMode::Streaming,
    )
    .await
    .unwrap();
    let media = done.content.iter().find_map(Part::as_media).unwrap();
    assert!(media.inline().unwrap() == &image);
    assert_eq!(done.tool_calls.len(), 2);
}

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let (stream, _) = rich_stream(&picture_bytes(1, 60));
    let acts = cuts(stream.len()).flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &stream.as_bytes()[..cut]].concat()]),
            Act::json(200, &answer(&json!([]))),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let mut kept = 0;
    for cut in cuts(stream.len()) {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[Message::user("x")], ResponseMode::Streaming).await {
            Err(error) => Some(error),
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                events.into_iter().last().unwrap().err()
            }
        };
        let message = answer.into_message();
        match &error {
            Some(error) => {
                assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
                assert_eq!(message.status, MessageStatus::Partial);
            }
            None => assert!(cut >= stream.trim_end().len(), "{cut}"),
        }
        kept += usize::from(message.media().count() == 1);
        let messages = [Message::user("x"), message, Message::user("go on")];
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
        check_rules(&peer.last().json());
    }
    assert_eq!(peer.received().len(), 2 * cuts(stream.len()).count());
    assert!(kept > 20);
}

#[tokio::test]
async fn an_answer_of_which_nothing_came_is_deleted_where_its_request_had_it_stored() {
    let error = json!({"code": "server_error", "message": "m"});
    let failed = json!({"id": "resp_1", "status": "failed", "error": error});
    let stream = sse(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.failed", "response": failed}),
    ]);
    let deleted = Act::json(200, &json!({"deleted": true}));
    let peer = Peer::start([Act::events(&stream, 1000), deleted]).await;
    // The provider stores nothing by itself.
    let once = provider(&peer).with_max_retries(0);
    let messages = [Message::user("x")];
    let mut request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    request.parameters.insert("store".to_owned(), true.into());
    ask_with(&once, request).await.unwrap_err();
    while peer.received().len() < 2 {
        peer.arrival().await;
    }
    let line = peer.last().line;
    assert!(line.starts_with("DELETE /v1/responses/resp_1"), "{line}");
}

#[tokio::test]
async fn items_that_all_have_one_place_stay_items_of_their_own() {
    let call = |id: &str| {
        json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "f",
            "arguments": format!("{{\"x\":\"{id}\"}}"), "status": "completed"})
    };
    let message = json!({"id": "m", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Both.", "annotations": []}]});
    for place in [json!(0), Value::Null] {
        let event = |kind: &str, item: &Value| json!({"type": format!("response.output_item.{kind}"), "output_index": place, "item": item});
        let delta = |text: &str| {
            json!({"type": "response.function_call_arguments.delta", "output_index": place,
                "delta": text})
        };
        let output = json!([message, call("a"), call("b")]);
        let stream = sse(&[
            json!({"type": "response.created", "response": {"id": "resp_1"}}),
            event("done", &message),
            event("added", &call("a")),
            delta("{\"x\":"),
            delta("\"a\"}"),
            event("done", &call("a")),
            event("added", &call("b")),
            event("done", &call("b")),
            json!({"type": "response.completed", "response": answer(&output)}),
        ]);
        let peer = Peer::start([Act::events(&stream, 100)]).await;
        let messages = [Message::user("x")];
        let done = ask(&provider(&peer), &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        assert_eq!(done.text(), "Both.");
        let calls = done.tool_calls.iter();
        let calls: Vec<_> = calls
            .map(|call| [call.id.as_str(), &call.arguments])
            .collect();
        assert_eq!(calls, [["a", "{\"x\":\"a\"}"], ["b", "{\"x\":\"b\"}"]]);
    }
}
