//! An API of which the crate knows nothing, in four files of its own: what it adds is all that it takes.

use conversation_providers::body::RequestBody;
use conversation_providers::{
    Capabilities, MediaContext, ProviderErrorKind as Kind, ProviderRequest, ResponseMode,
    StreamAccumulator,
};
use conversation_types::{
    FinishReason, Message, OmissionReason, Part, ToolDefinition, UserMessage,
};
use futures_util::TryStreamExt;
use media_types::{MediaContent, Mime, base64};
use serde_json::{Value, json};

use self::provider::acme;
use self::request::ACME_TALK;
use crate::asking::{ask, ask_with, events, fields, message_of};
use crate::peer::{Act, Peer};
use crate::support::picture_bytes;

mod decoder;
mod error;
mod provider;
mod request;

const KEY: &str = "key-of-acme-0123456789";
const MODES: [ResponseMode; 2] = [ResponseMode::Complete, ResponseMode::Streaming];

fn image(name: &str) -> MediaContent {
    let bytes = picture_bytes(name.len() as u64, 300);
    MediaContent::from_bytes(Mime::IMAGE_PNG, bytes).with_filename(name)
}

fn seen(names: &[&str]) -> Message {
    let names = names.iter();
    Message::user(names.fold(UserMessage::from("see"), |message, name| {
        message.with_part(image(name))
    }))
}

fn shown(bytes: &[u8]) -> Value {
    json!({"show": base64::encode(bytes), "as": "image/png"})
}

/// An answer in three events; whole, it is their sum.
fn replies(made: &[u8]) -> [Value; 3] {
    [
        json!({"reply": [{"say": "look: "}, shown(made)]}),
        json!({"reply": [{"say": "there"}, {"call": "c1", "tool": "paint", "with": {"n": 1}}]}),
        json!({"reply": [], "why": "done", "used": [70, 9]}),
    ]
}

fn answer(mode: ResponseMode, made: &[u8]) -> Act {
    let replies = replies(made);
    if mode == ResponseMode::Streaming {
        return Act::events(&stream(&replies), 13);
    }
    let all = replies
        .iter()
        .flat_map(|event| event["reply"].as_array().unwrap());
    let all: Vec<&Value> = all.collect();
    Act::json(200, &json!({"reply": all, "why": "done", "used": [70, 9]}))
}

fn stream(replies: &[Value]) -> String {
    replies
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect()
}

fn talk<'a>(
    messages: &'a [Message],
    tools: &'a [ToolDefinition],
    mode: ResponseMode,
) -> ProviderRequest<'a> {
    ProviderRequest::new(messages)
        .with_system(Some("be kind"))
        .with_tools(tools)
        .with_parameters(fields(json!({"temperature": 0.5, "live": "no"})))
        .with_mode(mode)
}

fn trouble(code: &str, place: &str) -> Value {
    json!({"trouble": {"code": code, "what": "my diary", "place": place}})
}

#[tokio::test]
async fn a_fifth_api_has_media_tools_and_results_both_ways_in_both_modes() {
    let made = picture_bytes(7, 5000);
    for mode in MODES {
        let peer = Peer::start([answer(mode, &made), answer(mode, &made)]).await;
        let provider = acme(KEY, "acme-1").with_base_url(peer.url());
        let tools = [ToolDefinition::new("paint", "", json!({"type": "object"}))];
        let first = [seen(&["a.png"])];
        let done = ask_with(&provider, talk(&first, &tools, mode))
            .await
            .unwrap();
        assert_eq!(done.text(), "look: \nthere");
        assert_eq!((&*done.provider, &*done.model), ("acme", "acme-1"));
        assert_eq!(done.tool_calls[0].arguments, r#"{"n":1}"#);
        assert_eq!(done.finish, FinishReason::ToolCalls);
        assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (70, 9));
        let media: Vec<_> = done
            .content
            .iter()
            .filter_map(|part| part.as_media())
            .collect();
        assert_eq!(media[0].inline().unwrap(), &made);

        let sent = peer.only();
        assert_eq!(sent.line, "POST /v1/models/acme-1/talk?v=2 HTTP/1.1");
        assert_eq!(sent.header("x-acme-key"), Some(KEY));
        let body = sent.json();
        assert_eq!(body["rules"], "be kind");
        assert_eq!(body["temperature"], 0.5);
        assert_eq!(body["live"], mode == ResponseMode::Streaming);
        let bytes = base64::encode(image("a.png").inline().unwrap());
        let part = json!({"as": "image/png", "show": bytes});
        assert_eq!(body["turns"][0]["parts"], json!([{"say": "see"}, part]));

        // The answer and the result of its call go back; what the model made stands in a message of the user.
        let [first] = first;
        let result = Message::tool("c1", vec![Part::text("painted")]);
        let next = [first, message_of(done), result];
        ask_with(&provider, talk(&next, &tools, mode))
            .await
            .unwrap();
        let turns = peer.last().json()["turns"].take();
        let who: Vec<&str> = turns
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["who"].as_str().unwrap())
            .collect();
        assert_eq!(who, ["user", "model", "tool", "user"], "{turns}");
        let call = json!({"call": "c1", "tool": "paint", "with": {"n": 1}});
        assert!(
            turns[1]["parts"].as_array().unwrap().contains(&call),
            "{turns}"
        );
        assert_eq!(turns[2]["answers"], "c1");
        let back = turns.to_string();
        assert!(back.contains(&base64::encode(&made)), "{back}");
    }
}

#[tokio::test]
async fn a_stream_of_a_fifth_api_that_is_cut_keeps_what_came() {
    let made = picture_bytes(7, 50);
    let whole = stream(&replies(&made));
    for cut in (0..whole.len()).step_by(3) {
        let peer = Peer::start([Act::events(&whole[..cut], 1000)]).await;
        let provider = acme(KEY, "acme-1")
            .with_base_url(peer.url())
            .with_max_retries(0);
        let events = events(&provider, &[Message::user("hi")], ResponseMode::Streaming).await;
        let mut answer = StreamAccumulator::new();
        let error = match events {
            Err(error) => error,
            Ok(events) => {
                let (mut came, mut last) = (events, None);
                if let Some(end) = came.pop() {
                    last = end.err();
                }
                came.iter().flatten().for_each(|event| answer.push(event));
                last.unwrap()
            }
        };
        assert_eq!(error.kind(), Kind::Interrupted, "{cut}");
        let came = whole[..cut].matches("\n\n").count();
        let parts = [0, 2, 3][came];
        assert_eq!(answer.content().len(), parts, "{cut}");
    }
}

#[tokio::test]
async fn errors_of_a_fifth_api_are_typed_and_what_can_help_is_tried() {
    for mode in MODES {
        for (status, code, kind, asked) in [
            (401, "who-are-you", Kind::Authentication, 1),
            (402, "no-credit", Kind::Quota, 1),
            (400, "nonsense", Kind::InvalidRequest, 1),
            (429, "slow-down", Kind::RateLimited, 3),
        ] {
            let acts = (0..3).map(|_| {
                Act::reply(
                    status,
                    &[("x-request-id", "r1")],
                    &trouble(code, "").to_string(),
                )
            });
            let peer = Peer::start(acts).await;
            let tick = std::time::Duration::from_millis(1);
            let provider = acme(KEY, "acme-1")
                .with_base_url(peer.url())
                .with_backoff(tick, tick);
            let error = ask(&provider, &[Message::user("hi")], mode)
                .await
                .unwrap_err();
            assert_eq!((error.kind(), error.code()), (kind, Some(code)));
            assert_eq!(
                (error.status(), error.request_id()),
                (Some(status), Some("r1"))
            );
            assert_eq!(peer.received().len(), asked, "{code}");
            let printed = format!("{error} {error:?} {provider:?}");
            assert!(
                !printed.contains("diary") && !printed.contains(KEY),
                "{printed}"
            );
        }
    }
    // An error in an answer that was a success by its status.
    let peer = Peer::start([Act::json(200, &trouble("broken", ""))]).await;
    let provider = acme(KEY, "acme-1").with_base_url(peer.url());
    let error = ask(&provider, &[Message::user("hi")], ResponseMode::Complete)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Server, Some("broken")));
}

#[tokio::test]
async fn media_and_parameters_that_a_fifth_api_refuses_are_left_out_and_remembered() {
    let peer = Peer::judging(|received| {
        let body = received.json();
        let parts = body["turns"][0]["parts"].as_array().unwrap().clone();
        let bad = base64::encode(image("bad.png").inline().unwrap());
        let at = parts.iter().position(|part| part["show"] == bad.as_str());
        match at {
            _ if body.get("mood").is_some() => Act::json(400, &trouble("unknown-field", "mood")),
            Some(at) => Act::json(400, &trouble("bad-media", &format!("turns/0/parts/{at}"))),
            None => answer(ResponseMode::Complete, b"\x89PNG\r\n\x1a\n"),
        }
    })
    .await;
    let provider = acme(KEY, "acme-1").with_base_url(peer.url());
    let messages = [seen(&["good.png", "bad.png"])];
    let request =
        || ProviderRequest::new(&messages).with_parameters(fields(json!({"mood": "glad"})));
    for asked in [3, 4] {
        let done = ask_with(&provider, request()).await.unwrap();
        assert_eq!(done.omitted_media.len(), 1);
        assert_eq!(done.omitted_media[0].name, "bad.png");
        assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
        assert_eq!(peer.received().len(), asked);
    }
    // What it accepts is an entry of its own: three items of images.
    let five = [seen(&["a", "bc", "def", "ghij", "klmno"])];
    let done = ask(&provider, &five, ResponseMode::Complete).await.unwrap();
    assert_eq!(done.omitted_media.len(), 2);
    let none = provider.with_capabilities(&Capabilities::builtin());
    let done = ask(&none, &five, ResponseMode::Complete).await.unwrap();
    assert_eq!(done.omitted_media.len(), 5);
}

#[tokio::test]
async fn a_request_of_a_fifth_api_is_written_for_a_transport_of_your_own() {
    let file = r#"{"format_version": 1, "revised": "2026-12-01", "apis": {"acme.talk": {
        "media": [{"mime": ["image/*"], "forms": ["base64"]}]}}}"#;
    let api = Capabilities::from_json(file)
        .unwrap()
        .api(ACME_TALK.capability_name())
        .unwrap();
    let messages = [seen(&["a.png"])];
    let request = ProviderRequest::new(&messages);
    let media = MediaContext::default();
    let body = RequestBody::new(ACME_TALK, "m", &request, &api, &media);
    let chunks: Vec<_> = body.await.unwrap().stream().try_collect().await.unwrap();
    let body: Value = serde_json::from_slice(&chunks.concat()).unwrap();
    assert_eq!(body["turns"][0]["parts"].as_array().unwrap().len(), 2);
    assert_eq!(format!("{ACME_TALK:?}"), "ApiFormat(\"acme.talk\")");
}
