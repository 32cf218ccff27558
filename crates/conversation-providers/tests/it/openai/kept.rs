//! What of an answer is kept where its end is not as it should be.

use conversation_providers::{
    ImageGenerator, ImageRequest, ModelPrice, PriceTable, ProviderErrorKind, ResponseEvent,
    ResponseMode, StreamAccumulator,
};
use conversation_types::Message;
use media_types::base64;

use super::peer::{Act, Peer, event_pieces};
use super::*;

type Events = Vec<Result<ResponseEvent, ProviderError>>;

async fn events(provider: &OpenAiProvider) -> Result<Events, ProviderError> {
    let messages = [user("hi")];
    let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    let reply = provider.complete(request, &no_storage()).await?;
    Ok(reply.into_events().collect().await)
}

fn accumulated(events: &Events) -> StreamAccumulator {
    let mut answer = StreamAccumulator::new();
    for event in events.iter().flatten() {
        answer.push(event);
    }
    answer
}

fn delta(delta: &Value) -> String {
    format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": delta}]})
    )
}

fn error_event(status: u16) -> String {
    format!(
        "data: {}\n\n",
        json!({"error": {"message": "busy", "code": status}})
    )
}

/// A response of events in one write.
fn at_once(events: &str) -> Act {
    Act::Send(vec![event_pieces(events, usize::MAX).concat()])
}

#[tokio::test]
async fn an_error_in_the_same_bytes_as_text_leaves_the_text_and_asks_nobody_again() {
    let text = delta(&json!({"content": "half an answer"}));
    for status in [503, 429] {
        let peer = Peer::start([
            at_once(&(text.clone() + &error_event(status))),
            Act::json(200, &hello()),
        ])
        .await;
        let events = events(&provider(&peer)).await.unwrap();
        assert_eq!(accumulated(&events).message().text(), "half an answer");
        let error = events.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(peer.received().len(), 1);
    }
}

#[tokio::test]
async fn an_error_before_any_part_of_an_answer_is_asked_again_however_it_arrives() {
    let role = delta(&json!({"role": "assistant", "content": ""}));
    for before in ["", role.as_str()] {
        let peer = Peer::start([
            at_once(&(before.to_owned() + &error_event(503))),
            Act::json(200, &hello()),
        ])
        .await;
        let events = events(&provider(&peer)).await.unwrap();
        assert_eq!(accumulated(&events).message().text(), "hello");
        assert_eq!(peer.received().len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_has_a_cost() {
    let text = delta(&json!({"content": "x".repeat(4000)}));
    let peer = Peer::start([Act::events(&text, 500)]).await;
    let events = events(&provider(&peer)).await.unwrap();
    let answer = accumulated(&events);
    let price: ModelPrice = PriceTable::builtin().price("gpt-4o").unwrap();
    assert!(events.last().unwrap().is_err());
    assert_eq!(answer.usage().output_tokens, 1000);
    assert_eq!(answer.cost(), Some(price.cost(&answer.usage())));
    assert!(answer.cost().unwrap().usd() > 0.009);
    // Whether it was carried out is not known: it may have been paid for.
    let peer = Peer::start([Act::Close]).await;
    let messages: [Message; 1] = [user("hi")];
    let error = ask(&provider(&peer), &messages, &no_storage()).await;
    let error = error.unwrap_err();
    assert_eq!(error.cost(), Some(price.cost(&error.usage().unwrap())));
}

#[tokio::test]
async fn calls_that_all_have_one_index_stay_calls_of_their_own() {
    let call = |index: Value, id: &str, name: Value, arguments: &str| {
        delta(
            &json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}]}),
        )
    };
    let (zero, one, null) = (json!(0), json!(1), Value::Null);
    let whole = [
        call(zero.clone(), "a", json!("f"), "{\"x\":1}"),
        call(zero.clone(), "b", json!("f"), "{\"x\":2}"),
        call(zero.clone(), "c", json!("g"), "{}"),
    ];
    let in_pieces = [
        call(zero.clone(), "a", json!("f"), "{\"x\""),
        call(zero.clone(), "a", json!("f"), ":1}"),
        call(zero.clone(), "b", json!("f"), ""),
        call(zero.clone(), "", null.clone(), "{\"x\":"),
        call(zero.clone(), "b", null.clone(), "2}"),
        // An index that is right where another call stands already.
        call(one.clone(), "c", json!("g"), "{"),
        call(one, "", null, "}"),
    ];
    for pieces in [whole.concat(), in_pieces.concat()] {
        let stream = pieces + "data: [DONE]\n\n";
        let peer = Peer::start([Act::events(&stream, 50)]).await;
        let events = events(&provider(&peer)).await.unwrap();
        let Some(Ok(ResponseEvent::Done(done))) = events.last() else {
            panic!("{events:?}")
        };
        let calls = |calls: &[conversation_types::ToolCall]| -> Vec<[String; 3]> {
            let calls = calls.iter().cloned();
            calls
                .map(|call| [call.id, call.name, call.arguments])
                .collect()
        };
        let expected = [
            ["a", "f", "{\"x\":1}"],
            ["b", "f", "{\"x\":2}"],
            ["c", "g", "{}"],
        ];
        assert_eq!(calls(&done.tool_calls), expected);
        assert_eq!(calls(accumulated(&events).tool_calls()), expected);
    }
}

#[tokio::test]
async fn a_long_answer_in_wide_envelopes_is_read_whole() {
    let noise = "n".repeat(500_000);
    let piece = format!(
        "data: {}\n\n",
        json!({"choices": [{"delta": {"content": "a"}}], "obfuscation": noise})
    );
    let stream = piece.repeat(40) + "data: [DONE]\n\n";
    let peer = Peer::start([Act::events(&stream, 1 << 20), Act::events(&stream, 1 << 20)]).await;
    let all = events(&provider(&peer)).await.unwrap();
    assert_eq!(accumulated(&all).message().text(), "a".repeat(40));
    assert!(matches!(all.last(), Some(Ok(ResponseEvent::Done(_)))));
    let bounded = provider(&peer).with_max_answer_bytes(10_000_000);
    let all = events(&bounded).await.unwrap();
    let error = all.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.reason(), Some("the response is too large"));
}

#[tokio::test]
async fn a_complete_answer_on_a_connection_that_stays_open_is_complete() {
    let stream = delta(&json!({"content": "all of it"}))
        + &format!(
            "data: {}\n\n",
            json!({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        );
    let peer = Peer::start([Act::SendAndHang(event_pieces(&stream, 30))]).await;
    let impatient = provider(&peer).with_idle_timeout(Duration::from_millis(300));
    let events = events(&impatient).await.unwrap();
    let Some(Ok(ResponseEvent::Done(done))) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(done.text(), "all of it");
}

#[tokio::test]
async fn images_that_have_come_are_kept_whatever_follows() {
    let image = format!(
        "data: {}\n\n",
        json!({"type": "image_generation.completed", "b64_json": base64::encode(&png(b"1"))})
    );
    let with_error = image.clone() + &error_event(503);
    let pieces = event_pieces(&image, 50);
    let cut = [pieces.clone(), vec![b"data: {\"type".to_vec()]].concat();
    for (act, count) in [
        (at_once(&with_error), 2),
        (Act::SendAndHang(pieces), 1),
        (
            Act::SendAndHang(event_pieces(&(image.clone() + &image), 50)),
            2,
        ),
    ] {
        let peer = Peer::start([act, Act::Close]).await;
        let generator = images(&peer, "gpt-image-1-mini")
            .with_mode(ResponseMode::Streaming)
            .with_idle_timeout(Duration::from_millis(300));
        let request = ImageRequest::new("a cat").with_count(count);
        let made = generator.generate(request).await.unwrap();
        assert_eq!(made.images[0].inline().unwrap(), &png(b"1"));
        assert_eq!(peer.received().len(), 1);
    }
    // What is not complete is not taken for it, and does not take the image before it back.
    let peer = Peer::start([Act::SendAndHang(cut)]).await;
    let generator = images(&peer, "gpt-image-1-mini")
        .with_mode(ResponseMode::Streaming)
        .with_idle_timeout(Duration::from_millis(300));
    let request = ImageRequest::new("a cat");
    let made = generator.generate(request).await.unwrap();
    assert_eq!(made.images.len(), 1);
    assert!(matches!(
        made.incomplete,
        Some(ProviderErrorKind::Timeout(_))
    ));
}
