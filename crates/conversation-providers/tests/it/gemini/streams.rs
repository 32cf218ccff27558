//! Streams, whole and cut.

use conversation_providers::ResponseEvent;
use media_types::base64;

use super::*;

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    let chunks: Vec<Value> = STREAM
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let parts: Vec<&Value> = chunks
        .iter()
        .flat_map(|chunk| {
            chunk["candidates"][0]["content"]["parts"]
                .as_array()
                .unwrap()
        })
        .collect();
    for size in [1, 7, 100, 10_000] {
        let acts = [Act::events(STREAM, size), Act::events(STREAM, size)];
        let peer = Peer::start(acts).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
            .await
            .unwrap();
        assert_eq!(done.content.len(), 3);
        assert_eq!(done.content[0], Part::text("He"));
        let image = done.content[1].as_media().unwrap();
        let expected = inline(parts[1], Mime::IMAGE_PNG);
        assert_eq!(image.inline(), expected.inline());
        assert_eq!(done.content[2].as_text(), Some(""));
        assert_eq!(done.finish, FinishReason::Stop);
        assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (1, 1));
        assert_eq!(done.model, "gemini-x");
        // Every part goes back with its own signature, in order, none merged.
        let messages = [Message::user("x"), message_of(done), Message::user("on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        let sent = peer.received();
        assert_eq!(
            sent[0].line,
            "POST /v1/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1"
        );
        let returned = sent[1].json()["contents"][1]["parts"].take();
        let signatures = |value: &Value| value["thoughtSignature"].clone();
        let expected: Vec<Value> = parts.iter().copied().map(signatures).collect();
        let found: Vec<Value> = returned
            .as_array()
            .unwrap()
            .iter()
            .map(signatures)
            .collect();
        assert_eq!(found, expected);
        assert_eq!(normalized(returned), normalized(json!(parts)));
    }
}

#[tokio::test]
async fn every_part_goes_back_unchanged_in_order_and_never_merged() {
    let peer = Peer::start([Act::events(RICH_STREAM, 61), Act::events(STREAM, 50)]).await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(done.tool_calls.len(), 3);
    let mut messages = vec![Message::user("x"), message_of(done)];
    for id in ["c1", "c2", "c3"] {
        messages.push(Message::tool(id, vec![Part::from(id)]));
    }
    ask(&provider, &messages, ResponseMode::Streaming)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    let returned = normalized(sent["contents"][1]["parts"].clone());
    let image = golden("turn2_signatures_and_tool_image")["contents"][2]["parts"][0]
        ["functionResponse"]["parts"][0]["inline_data"]["data"]
        .take();
    assert_eq!(
        returned,
        json!([
            {"text": "Let me think.", "thought": true, "thoughtSignature": "czEr"},
            {"text": "one two"},
            {"text": "three", "thoughtSignature": "czIr"},
            {"text": "four"},
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "czMr"},
            {"functionCall": {"name": "g", "args": {}, "id": "c2"}},
            {"text": "between"},
            {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "czQr"},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"inlineData": {"data": image, "mime_type": "image/png"},
                "thoughtSignature": "czUr"},
            {"functionCall": {"name": "h", "args": {}, "id": "c3"}},
            {"text": "", "thoughtSignature": "czYr"}
        ])
    );
    let ids: Vec<&Value> = sent["contents"][2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["functionResponse"]["id"])
        .collect();
    assert_eq!(ids, ["c1", "c2", "c3"]);
}

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let stream = RICH_STREAM;
    let whole = Act::events(STREAM, 500);
    let Act::Send(whole) = whole else {
        unreachable!()
    };
    let cuts: Vec<usize> = cuts(stream.len()).collect();
    let acts = cuts.iter().flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &stream.as_bytes()[..*cut]].concat()]),
            Act::Send(whole.clone()),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let mut kept = 0;
    for cut in &cuts {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[Message::user("x")], ResponseMode::Streaming).await {
            Err(error) => error,
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                match events.into_iter().last().unwrap() {
                    Err(error) => error,
                    // Only line ends are missing.
                    Ok(_) => {
                        assert!(*cut >= stream.trim_end().len());
                        continue;
                    }
                }
            }
        };
        assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
        let message = answer.into_message();
        assert_eq!(message.status, MessageStatus::Partial);
        kept += usize::from(message.media().count() == 1);
        let messages = [Message::user("x"), message, Message::user("go on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        check_rules(&peer.last().json());
    }
    assert!(kept > 20);
}

#[tokio::test]
async fn images_of_thoughts_are_previews_and_no_media_of_the_answer() {
    let image = |seed: u64| picture_bytes(seed, 200);
    let inline = |seed: u64| json!({"mimeType": "image/png", "data": base64::encode(&image(seed))});
    let parts = json!([
        {"text": "A draft.", "thought": true},
        {"inlineData": inline(1), "thought": true},
        {"fileData": {"fileUri": "https://h/v1/files/a", "mimeType": "image/png"}, "thought": true},
        {"inlineData": inline(2), "thoughtSignature": "czEr"}
    ]);
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": parts},
        "finishReason": "STOP"}]});
    let stream = format!("data: {answer}\r\n\r\n");
    let peer = Peer::start([Act::events(&stream, 100)]).await;
    let messages = [Message::user("paint")];
    let events = events(&provider(&peer), &messages, ResponseMode::Streaming).await;
    let events: Vec<ResponseEvent> = events.unwrap().into_iter().map(Result::unwrap).collect();
    let previews: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ResponseEvent::PartialImage(image) => Some((image.index, image.bytes.to_vec())),
            _ => None,
        })
        .collect();
    assert!(previews == [(0, image(1).to_vec())]);
    let Some(ResponseEvent::Done(done)) = events.last() else {
        panic!("no answer")
    };
    let media: Vec<_> = done.content.iter().filter_map(Part::as_media).collect();
    assert_eq!(media.len(), 1);
    assert!(media[0].inline().unwrap() == &image(2));
}
