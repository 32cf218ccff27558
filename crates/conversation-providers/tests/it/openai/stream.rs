//! Answers in pieces.

use conversation_providers::{
    ProviderErrorKind, ResponseEvent, ResponseMode, StreamAccumulator, TimeoutPhase,
};
use conversation_types::{FinishReason, Message, MessageStatus, Part};

use super::peer::{Act, Peer, event_pieces};
use super::*;
use crate::asking::cuts;

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
) -> Result<Vec<Result<ResponseEvent, ProviderError>>, ProviderError> {
    let request = ProviderRequest::new(messages).with_mode(ResponseMode::Streaming);
    let reply = provider.complete(request, &no_storage()).await?;
    Ok(reply.into_events().collect().await)
}

fn text(events: &[Result<ResponseEvent, ProviderError>]) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Ok(ResponseEvent::TextDelta(text)) => Some(text.as_str()),
        _ => None,
    });
    deltas.collect()
}

#[tokio::test]
async fn text_and_calls_are_the_same_however_the_bytes_arrive() {
    for size in [1, 2, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(ANSWER, size)]).await;
        let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
        assert_eq!(text(&events), "héllo");
        let Some(Ok(ResponseEvent::Done(done))) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(done.content[0].as_text(), Some("héllo"));
        assert_eq!(done.tool_calls[0].arguments, "{\"a\":1}");
        assert_eq!(done.finish, FinishReason::ToolCalls);
        assert!((done.cost.unwrap().usd() - 2.5).abs() < 1e-9);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_text_is_an_error_and_not_repeated() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::events(half, 50)]).await;
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "hé");
    let error = events.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Interrupted);
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_before_any_text_is_not_begun_again() {
    let nothing = &ANSWER[..ANSWER.find("data:").unwrap()];
    let peer = Peer::start([Act::events(nothing, 50), Act::events(ANSWER, 50)]).await;
    let error = events(&provider(&peer), &[user("hi")]).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Interrupted);
    assert!(error.usage().is_some());
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn a_stream_cut_after_every_byte_keeps_what_came() {
    let bytes = ANSWER.as_bytes();
    let mut kept = std::collections::BTreeSet::new();
    for cut in (0..bytes.len()).step_by(3) {
        let head = event_pieces("", 1).remove(0);
        let peer = Peer::start([Act::Send(vec![[&head, &bytes[..cut]].concat()])]).await;
        let Ok(events) = events(&provider(&peer), &[user("hi")]).await else {
            // Nothing of an answer had come.
            continue;
        };
        let mut answer = StreamAccumulator::new();
        for event in events.iter().flatten() {
            answer.push(event);
        }
        let error = events.last().unwrap().as_ref().err();
        let message = answer.into_message();
        assert_eq!(error.is_some(), message.status == MessageStatus::Partial);
        assert!(message.usage.unwrap().input_tokens > 0, "{cut}");
        let calls: Vec<_> = message
            .tool_calls
            .iter()
            .map(|c| c.arguments.clone())
            .collect();
        kept.insert((message.text(), calls));
    }
    // Each state of the answer was seen: nothing, its text growing, its call growing.
    let texts: std::collections::BTreeSet<_> = kept.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts.into_iter().collect::<Vec<_>>(), ["", "hé", "héllo"]);
    let calls: std::collections::BTreeSet<_> = kept.iter().flat_map(|(_, calls)| calls).collect();
    assert_eq!(
        calls.into_iter().collect::<Vec<_>>(),
        ["", "{\"a", "{\"a\":1}"]
    );
}

#[tokio::test]
async fn halves_of_characters_do_not_end_an_answer() {
    let chunk = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
    let answer = [
        chunk(r#"{"content":"a\ud83d"}"#),
        chunk(r#"{"content":"\ude00b"}"#),
        chunk(r#"{"content":"\ud83d"}"#),
        chunk(r#"{"tool_calls":[{"index":0,"id":"c1\udc00","function":{"name":"f","arguments":"{\"x\":\"\ud83d"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"\ude00\"}"}}]}"#),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let peer = Peer::start([Act::events(&answer, 13)]).await;
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    let Some(Ok(ResponseEvent::Done(done))) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(text(&events), "a\u{1f600}b\u{fffd}");
    assert_eq!(done.text(), "a\u{1f600}b\u{fffd}");
    assert_eq!(done.tool_calls[0].arguments, "{\"x\":\"\u{1f600}\"}");
    assert_eq!(done.tool_calls[0].id, "c1\u{fffd}");
}

#[tokio::test]
async fn a_server_that_sends_comments_is_waited_for() {
    let peer = Peer::start([Act::SendSlowly {
        first: ": at work\n\n".into(),
        times: 6,
        pause: Duration::from_millis(900),
        last: ANSWER.into(),
    }])
    .await;
    let waiting = provider(&peer).with_first_byte_timeout(Duration::from_secs(5));
    let events = events(&waiting, &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "héllo");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_a_timeout() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::SendAndHang(event_pieces(half, 50))]).await;
    let impatient = provider(&peer).with_idle_timeout(Duration::from_secs(5));
    let events = events(&impatient, &[user("hi")]).await.unwrap();
    assert_eq!(text(&events), "hé");
    let error = events.last().unwrap().as_ref().unwrap_err();
    let phase = TimeoutPhase::AfterFirstByte;
    assert_eq!(error.kind(), ProviderErrorKind::Timeout(phase));
}

#[tokio::test]
async fn servers_that_do_not_stream_or_do_not_say_the_end_are_understood() {
    let no_done = ANSWER.replace("data: [DONE]\n\n", "");
    let peer = Peer::start([Act::json(200, &hello()), Act::events(&no_done, 50)]).await;
    let whole = events(&provider(&peer), &[user("hi")]).await.unwrap();
    let Some(Ok(ResponseEvent::Done(done))) = whole.last() else {
        panic!("{whole:?}")
    };
    assert_eq!(done.content[0].as_text(), Some("hello"));
    let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
    assert!(matches!(events.last(), Some(Ok(ResponseEvent::Done(_)))));
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
    assert_eq!(error.kind(), ProviderErrorKind::Overloaded);
    assert_eq!(error.message(), Some("overloaded"));
}

#[tokio::test]
async fn dropping_the_response_ends_the_request() {
    let half = &ANSWER[..ANSWER.find("llo").unwrap()];
    let peer = Peer::start([Act::SendAndHang(event_pieces(half, 50))]).await;
    let messages = [user("hi")];
    let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    let reply = provider(&peer)
        .complete(request, &no_storage())
        .await
        .unwrap();
    let mut events = reply.into_events();
    assert!(matches!(
        events.next().await,
        Some(Ok(ResponseEvent::Usage(_)))
    ));
    assert!(matches!(
        events.next().await,
        Some(Ok(ResponseEvent::Price(_)))
    ));
    assert!(matches!(
        events.next().await,
        Some(Ok(ResponseEvent::TextDelta(_)))
    ));
    drop(events);
}

const AUDIO: &str = include_str!("../../golden/openai/chat_audio.answer.sse");

/// The audio, which its provider keeps until a time.
fn spoken_until(end: i64) -> String {
    AUDIO.replace("\"expires_at\": 1", &format!("\"expires_at\": {end}"))
}

#[tokio::test]
async fn audio_in_pieces_is_put_together_wherever_its_base64_is_cut() {
    for size in [1, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(AUDIO, size)]).await;
        let events = events(&provider(&peer), &[user("hi")]).await.unwrap();
        assert_eq!(text(&events), "Hello");
        let Some(Ok(ResponseEvent::Done(done))) = events.last() else {
            panic!("{events:?}")
        };
        let audio = done.content.iter().find_map(Part::as_media).unwrap();
        let expected: Vec<u8> = (0..=255).chain(0..=255).collect();
        assert!(audio.inline().unwrap() == &expected);
        assert_eq!(audio.mime(), &Mime::AUDIO_PCM);
        assert_eq!(audio.transcript(), Some("Hello"));
        assert_eq!(done.tool_calls[0].arguments, "{\"n\":1}");
        assert_eq!(done.usage.output_tokens, 4);
    }
}

#[tokio::test]
async fn a_cut_stream_of_audio_keeps_every_sample_and_can_be_gone_on_from() {
    let stream = spoken_until(chrono::Utc::now().timestamp() + 3600);
    let acts = cuts(stream.len()).flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &stream.as_bytes()[..cut]].concat()]),
            Act::json(200, &hello()),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    for cut in cuts(stream.len()) {
        let mut so_far = StreamAccumulator::new();
        let error = match events(&provider, &[user("hi")]).await {
            Err(error) => Some(error),
            Ok(events) => {
                events.iter().flatten().for_each(|event| so_far.push(event));
                events.into_iter().last().unwrap().err()
            }
        };
        // Behind the reason for stopping nothing is missing.
        let is_whole = cut >= stream.find("\"stop\"").unwrap();
        assert!(error.is_some() || is_whole, "{cut}");
        if let Some(error) = &error {
            assert_eq!(error.kind(), ProviderErrorKind::Interrupted, "{cut}");
        }
        let is_ended = error.is_none();
        let answer = so_far.into_message();
        // What was said is there as text, and each sample whose bytes came is beside it.
        let (whole, _) = stream[..cut].rsplit_once("\n\n").unwrap_or_default();
        let chunks: Vec<Value> = whole
            .split("\n\n")
            .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
            .collect();
        let arrived = |name: &str| -> String {
            let path = format!("/choices/0/delta/audio/{name}");
            let pieces = chunks
                .iter()
                .filter_map(|chunk| chunk.pointer(&path)?.as_str());
            pieces.collect()
        };
        let said = arrived("transcript");
        let texts = answer.content.iter().filter_map(Part::as_text);
        assert_eq!(texts.collect::<String>(), said, "{cut}");
        let samples: Vec<u8> = (0..=255).chain(0..=255).collect();
        let samples = &samples[..arrived("data").trim_end_matches('=').len() * 6 / 8 / 2 * 2];
        let audio = answer.content.iter().find_map(Part::as_media);
        let found = audio.map(|audio| audio.inline().unwrap().as_ref());
        assert!(
            found == Some(samples).filter(|samples| !samples.is_empty()),
            "{cut}"
        );
        assert!(audio.is_none_or(|audio| audio.transcript() == Some(&said)));
        let messages = [user("hi"), answer, user("go on")];
        ask(&provider, &messages, &no_storage()).await.unwrap();
        let sent = peer.last().json();
        let messages = sent["messages"].as_array().unwrap();
        // Audio that did not end has no id that the provider would know.
        let is_named = messages
            .iter()
            .any(|message| message.get("audio").is_some());
        assert_eq!(is_named, is_ended, "{sent}");
        for (at, message) in messages.iter().enumerate() {
            let calls = message["tool_calls"].as_array();
            let ids = calls.into_iter().flatten().map(|call| &call["id"]);
            let next = messages.get(at + 1..).unwrap_or_default();
            let results = next.iter().map_while(|next| next.get("tool_call_id"));
            assert!(ids.eq(results), "{sent}");
            let is_empty = message["content"] == "" && calls.is_none();
            assert!(!is_empty, "{sent}");
        }
    }
}

#[tokio::test]
async fn audio_goes_back_by_its_id_while_its_account_can_name_it() {
    let gone = json!({"error": {"message": "Audio with id 'audio_1' was not found.",
        "param": "messages[1].audio.id", "type": "invalid_request_error", "code": null}});
    let peer = Peer::start([
        Act::json(200, &hello()),
        Act::json(200, &hello()),
        Act::json(200, &hello()),
        Act::json(404, &gone),
        Act::json(200, &hello()),
    ])
    .await;
    let spoken = async |seconds: i64| {
        let end = chrono::Utc::now().timestamp() + seconds;
        let stream = spoken_until(end);
        let model = Peer::start([Act::events(&stream, 100)]).await;
        // The answer is that of the peer which is asked later.
        let mut so_far = StreamAccumulator::new();
        let events = events(&provider(&model), &[user("hi")]).await.unwrap();
        events.iter().flatten().for_each(|event| so_far.push(event));
        let message = serde_json::to_string(&so_far.into_message()).unwrap();
        let message = message.replace(&model.url(), &peer.url());
        let message: Message = serde_json::from_str(&message).unwrap();
        let call = message.tool_calls[0].id.clone();
        let result = Message::tool(call, vec![Part::from("done")]);
        [user("hi"), message, result, user("go on")]
    };
    let provider = provider(&peer);
    let other = OpenAiProvider::new("sk-other", "gpt-audio").with_base_url(peer.url());
    let kept = spoken(3600).await;
    ask(&provider, &kept, &no_storage()).await.unwrap();
    ask(&provider, &spoken(30).await, &no_storage())
        .await
        .unwrap();
    ask(&other, &kept, &no_storage()).await.unwrap();
    // One that the provider has forgotten goes back as what was said.
    ask(&provider, &kept, &no_storage()).await.unwrap();
    let sent: Vec<Value> = peer.received().iter().map(|sent| sent.json()).collect();
    let named = json!({"id": "audio_1"});
    for (at, is_named, has_media) in [
        (0, true, false),
        (1, false, true),
        (2, false, true),
        (3, true, false),
        (4, false, false),
    ] {
        let answer = &sent[at]["messages"][1];
        assert_eq!(answer["audio"] == named, is_named, "{at}: {answer}");
        let said = if is_named {
            Value::Null
        } else {
            "Hello".into()
        };
        assert_eq!(answer["content"], said, "{at}: {answer}");
        assert_eq!(answer["tool_calls"].as_array().unwrap().len(), 1);
        let text = sent[at].to_string();
        let lead = "Media of the assistant's message above:";
        assert_eq!(text.contains(lead), has_media, "{at}: {text}");
    }
}
