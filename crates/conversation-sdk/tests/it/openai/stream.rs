//! Answers in pieces.

use conversation_sdk::provider::{Delivery, ReplyEvent, StopReason};
use conversation_sdk::{Message, ProviderErrorKind};

use super::peer::{Act, Peer, event_pieces};
use super::*;

const ANSWER: &str = concat!(
    ": OPENROUTER PROCESSING\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hé\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\"},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000000,\"completion_tokens\":0,\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\n",
    "data: [DONE]\n\n",
);

async fn events(
    provider: &OpenAiProvider,
    messages: &[Message],
) -> Result<Vec<Result<ReplyEvent, ProviderError>>, ProviderError> {
    let request = ProviderRequest::new(messages).with_delivery(Delivery::Deltas);
    let reply = provider.respond(request, &no_storage()).await?;
    Ok(reply.into_events().collect().await)
}

fn text(events: &[Result<ReplyEvent, ProviderError>]) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Ok(ReplyEvent::TextDelta(text)) => Some(text.as_str()),
        _ => None,
    });
    deltas.collect()
}

#[tokio::test]
async fn words_and_calls_are_the_same_however_the_bytes_arrive() {
    for size in [1, 2, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(ANSWER, size)]).await;
        let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
        assert_eq!(text(&events), "héllo");
        let Some(Ok(ReplyEvent::Done(done))) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(done.content[0].as_text(), Some("héllo"));
        assert_eq!(done.tool_calls[0].arguments, "{\"a\":1}");
        assert_eq!(done.stop, StopReason::ToolCalls);
        assert!((done.cost.unwrap().usd() - 2.5).abs() < 1e-9);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_after_words_is_told_and_not_repeated() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::events(half, 50)]).await;
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "hé");
    let error = events.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Interrupted);
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_off_before_any_word_is_tried_again() {
    let nothing = &ANSWER[..ANSWER.find("data:").unwrap()];
    let peer = Peer::start([
        Act::events(nothing, 50),
        Act::Close,
        Act::events(ANSWER, 50),
    ])
    .await;
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "héllo");
    assert_eq!(peer.received().len(), 3);
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_a_timeout() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::SendAndHang(event_pieces(half, 50))]).await;
    let impatient = provider(&peer).with_timeout(Duration::from_millis(200));
    let events = events(&impatient, &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "hé");
    let error = events.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Timeout);
}

#[tokio::test]
async fn servers_that_do_not_stream_or_do_not_say_the_end_are_understood() {
    let no_done = ANSWER.replace("data: [DONE]\n\n", "");
    let peer = Peer::start([Act::json(200, &hello()), Act::events(&no_done, 50)]).await;
    let whole = events(&provider(&peer), &[user("hi")]).await.unwrap();
    let Some(Ok(ReplyEvent::Done(done))) = whole.last() else {
        panic!("{whole:?}")
    };
    assert_eq!(done.content[0].as_text(), Some("hello"));
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    assert!(matches!(events.last(), Some(Ok(ReplyEvent::Done(_)))));
}

#[tokio::test]
async fn an_error_in_the_stream_is_typed() {
    let overloaded =
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n";
    // Before the first word it is tried again.
    let peer = Peer::start([Act::events(overloaded, 50), Act::events(ANSWER, 50)]).await;
    events(&provider(&peer), &[user("hi")]).await.unwrap();
    let start = ANSWER.find("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo");
    let late = format!("{}{overloaded}", &ANSWER[..start.unwrap()]);
    let peer = Peer::start([Act::events(&late, 50)]).await;
    let once = provider(&peer).with_max_retries(0);
    // What arrives together with the first word may be told by the call or by the stream.
    let error = match events(&once, &[user("hi")]).await {
        Ok(mut events) => events.pop().unwrap().unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ProviderErrorKind::Server);
    assert_eq!(error.message(), Some("overloaded"));
}

#[tokio::test]
async fn dropping_the_reply_ends_the_request() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::SendAndHang(event_pieces(half, 50))]).await;
    let messages = [user("hi")];
    let request = ProviderRequest::new(&messages).with_delivery(Delivery::Deltas);
    let reply = provider(&peer)
        .respond(request, &no_storage())
        .await
        .unwrap();
    let mut events = reply.into_events();
    assert!(matches!(
        events.next().await,
        Some(Ok(ReplyEvent::TextDelta(_)))
    ));
    drop(events);
}
