//! Media of answers on its way from the wire to the spools of a turn.

use conversation_providers::{
    ImageGenerator, ImageRequest, ProviderErrorKind as Kind, ResponseMode,
};
use media_types::base64;

use super::images::painted;
use super::peer::{Act, Peer, head};
use super::*;
use crate::support::{Turn, picture_bytes};

/// How an answer arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Complete,
    Events,
}

const WAYS: [Way; 2] = [Way::Complete, Way::Events];

impl Way {
    /// The answer with a message, or a delta, in pieces of a size.
    fn act(self, message: &str, size: usize) -> Act {
        let body = match self {
            Self::Complete => {
                format!(r#"{{"choices":[{{"message":{message},"finish_reason":"stop"}}]}}"#)
            }
            Self::Events => format!(
                "data: {{\"choices\":[{{\"delta\":{message},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
            ),
        };
        self.raw(body.as_bytes(), body.len(), size)
    }

    /// A body, with a length that it claims to have.
    fn raw(self, body: &[u8], claimed: usize, size: usize) -> Act {
        let head = match self {
            Self::Complete => head(200, &[], Some(claimed), "application/json"),
            Self::Events => head(200, &[], None, "text/event-stream"),
        };
        let pieces = body.chunks(size).map(<[u8]>::to_vec);
        Act::Send(std::iter::once(head.into_bytes()).chain(pieces).collect())
    }

    async fn ask(
        self,
        act: Act,
        turn: &Turn,
        limit: Option<usize>,
    ) -> Result<Completion, ProviderError> {
        let peer = Peer::start([act]).await;
        let mut model = provider(&peer).with_max_retries(0);
        if let Some(limit) = limit {
            model = model.with_max_answer_bytes(limit);
        }
        let mode = match self {
            Self::Complete => ResponseMode::Complete,
            Self::Events => ResponseMode::Streaming,
        };
        let messages = [user("paint")];
        let request = ProviderRequest::new(&messages).with_mode(mode);
        answer(&model, request, &turn.media()).await
    }
}

fn uri(bytes: &[u8]) -> Value {
    let text = format!("data:image/png;base64,{}", base64::encode(bytes));
    json!({"type": "image_url", "image_url": {"url": text}})
}

#[tokio::test]
async fn images_and_audio_of_answers_are_received_byte_for_byte() {
    let sizes = [178, 1000, 102_400, 131_072, 1_000_003, 5_000_000];
    for way in WAYS {
        let mut turn = Turn::with(|options| options.with_threshold(0));
        let pictures: Vec<_> = (0..).zip(sizes).map(|(s, n)| picture_bytes(s, n)).collect();
        let (beside, inside) = pictures.split_at(3);
        let images: Vec<Value> = beside.iter().map(|bytes| uri(bytes)).collect();
        let mut content = vec![json!({"type": "text", "text": "look"})];
        content.extend(inside.iter().map(|bytes| uri(bytes)));
        let audio = [b"RIFF\0\0\0\0WAVE".as_slice(), &picture_bytes(9, 200_000)].concat();
        let mut message = json!({"content": content, "images": images});
        let mut media = inside.to_vec();
        if let Way::Complete = way {
            let data = base64::encode(&audio);
            message["audio"] = json!({"data": data, "transcript": "words"});
            media.push(audio.into());
        }
        media.extend(beside.iter().cloned());
        // Many servers escape slashes.
        let message = message.to_string().replace('/', "\\/");
        let done = way
            .ask(way.act(&message, 60_007), &turn, None)
            .await
            .unwrap();
        assert_eq!(done.text(), "look");
        let found: Vec<_> = done.content.iter().filter_map(Part::as_media).collect();
        assert_eq!(found.len(), media.len(), "{way:?}");
        for (content, bytes) in found.into_iter().zip(&media) {
            assert_eq!(content.reference().unwrap().backend(), "received");
            assert!(turn.bytes(content).await == *bytes, "{} bytes", bytes.len());
        }
        drop(done);
        turn.end();
    }
}

#[tokio::test]
async fn a_hostile_answer_is_one_typed_error_and_leaves_nothing() {
    let picture = json!({"images": [uri(&picture_bytes(1, 400_000))]}).to_string();
    let broken = picture.replacen("AAAA", "A*AA", 1).replacen('5', "*", 1);
    let many = |count: usize, one: &str| format!("{{\"images\":[{}]}}", vec![one; count].join(","));
    let url = |url: &str| format!(r#"{{"image_url":{{"url":"{url}"}}}}"#);
    let deep = |depth: usize| {
        format!(
            "{{\"content\":{}1{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let call = r#"{"id":"c","function":{"name":"f","arguments":"{}"}}"#;
    let calls = format!("{{\"tool_calls\":[{}]}}", vec![call; 20_000].join(","));
    let indexed = r#"{"tool_calls":[{"index":4000000000}]}"#.to_owned();
    let not_base64 = Some("media is not base64");
    let too_large = Some("the response is too large");
    let too_many = Some("the response has too many tool calls");
    for (name, message, limit, reason) in [
        ("broken base64", broken, None, not_base64),
        (
            "an odd symbol",
            many(1, &url("data:;base64,AAAAA")),
            None,
            not_base64,
        ),
        (
            "bits that no encoder writes",
            many(1, &url("data:;base64,AB==")),
            None,
            not_base64,
        ),
        (
            "65 images",
            many(65, &url("data:;base64,AAAA")),
            None,
            too_large,
        ),
        (
            "images of nothing",
            many(100_000, &url("data:;base64,")),
            None,
            too_large,
        ),
        ("a large image", picture.clone(), Some(399_999), too_large),
        (
            "much text",
            many(200_000, "1234"),
            Some(1_000_000),
            too_large,
        ),
        ("a bottomless value", deep(100_000), None, too_large),
        (
            "a field twice",
            r#"{"images":[],"images":[]}"#.to_owned(),
            None,
            None,
        ),
        ("20,000 calls", calls, None, too_many),
        ("a call far away", indexed, None, too_many),
    ] {
        for way in WAYS {
            if way == Way::Complete && name == "a call far away" {
                continue;
            }
            // In a stream, calls of one id are one call.
            if way == Way::Events && name == "20,000 calls" {
                continue;
            }
            let mut turn = Turn::new();
            let error = way.ask(way.act(&message, 60_007), &turn, limit).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidResponse, "{name}: {error:?}");
            assert!(
                reason.is_none() || error.reason() == reason,
                "{name}: {error:?}"
            );
            turn.end();
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_is_an_error_and_leaves_nothing() {
    let message = json!({"images": [uri(&picture_bytes(1, 400_000))]}).to_string();
    let start = |way| match way {
        Way::Complete => format!(r#"{{"choices":[{{"message":{message}"#),
        Way::Events => format!("data: {{\"choices\":[{{\"delta\":{message}"),
    };
    for way in WAYS {
        for (cut, claimed, whole) in [
            // The peer closes in mid-body; the body ends early.
            (300_000, 600_000, Kind::Interrupted),
            (300_000, 300_000, Kind::InvalidResponse),
            (start(way).len(), start(way).len(), Kind::InvalidResponse),
        ] {
            let mut turn = Turn::new();
            let act = way.raw(&start(way).as_bytes()[..cut], claimed, 10_000);
            let error = way.ask(act, &turn, None).await.unwrap_err();
            let expected = match way {
                Way::Complete => whole,
                // A stream of events that does not end was cut off.
                Way::Events => Kind::Interrupted,
            };
            assert_eq!(error.kind(), expected, "{way:?} {cut}");
            turn.end();
        }
    }
}

#[tokio::test]
async fn invalid_utf8_is_replaced() {
    for way in WAYS {
        let turn = Turn::new();
        let body: &[u8] = match way {
            Way::Complete => b"{\"choices\":[{\"message\":{\"content\":\"a\xff\"}}]}",
            Way::Events => {
                b"data: {\"choices\":[{\"delta\":{\"content\":\"a\xff\"}}]}\n\ndata: [DONE]\n\n"
            }
        };
        let done = way.ask(way.raw(body, body.len(), 5), &turn, None).await;
        assert_eq!(done.unwrap().text(), "a\u{fffd}");
    }
}

#[tokio::test]
async fn a_line_of_events_is_read_no_further_than_the_limit() {
    for line in [
        "data: ",
        "data: {\"choices\":[{\"delta\":{\"content\":\"",
        ": ",
    ] {
        let turn = Turn::new();
        let body = [line.as_bytes(), &vec![b'x'; 20_000_000]].concat();
        let act = Way::Events.raw(&body, 0, 100_000);
        let error = Way::Events
            .ask(act, &turn, Some(1_000_000))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidResponse);
        assert_eq!(error.reason(), Some("the response is too large"));
    }
}

#[tokio::test]
async fn generated_images_of_every_size_are_received_byte_for_byte() {
    let sizes = [178, 102_400, 131_072, 1_000_003, 20_000_000];
    for (seed, size) in sizes.into_iter().enumerate() {
        let mut turn = Turn::with(|options| options.with_threshold(0));
        let picture = picture_bytes(seed as u64, size);
        let body = painted(&[picture.to_vec()]).to_string().into_bytes();
        let head = head(200, &[], Some(body.len()), "application/json").into_bytes();
        let pieces = body.chunks(size / 3 + 7).map(<[u8]>::to_vec);
        let peer = Peer::start([Act::Send(std::iter::once(head).chain(pieces).collect())]).await;
        let request = ImageRequest::new("x").with_sink(turn.received().sink());
        let made = images(&peer, "gpt-image-1-mini").generate(request).await;
        let made = made.unwrap();
        assert!(turn.bytes(&made.images[0]).await == picture, "{size} bytes");
        drop(made);
        turn.end();
    }
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_is_typed() {
    let turn = Turn::with(|options| options.with_directory("/nowhere/at/all"));
    let message = json!({"images": [uri(&picture_bytes(1, 400_000))]}).to_string();
    for way in WAYS {
        let error = way.ask(way.act(&message, 60_007), &turn, None).await;
        assert_eq!(error.unwrap_err().kind(), Kind::Spool);
    }
}

#[tokio::test]
async fn the_calls_that_the_official_clients_read_are_read_alike() {
    let stream = include_str!("../../golden/openai/chat_tools.answer.sse");
    for size in [1, 100_000] {
        let peer = Peer::start([Act::events(stream, size)]).await;
        let (provider, messages) = (provider(&peer), [user("hi")]);
        let done = crate::asking::ask(&provider, &messages, ResponseMode::Streaming).await;
        let done = done.unwrap();
        assert_eq!(done.text(), "I look \u{1f600}");
        let calls = done.tool_calls.iter().map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            json!([call.id, call.name, arguments])
        });
        let calls = Value::Array(calls.collect());
        assert_eq!(
            calls,
            json!([["call_1", "f", {"n": 1}], ["call_2", "g", {"a": "\u{e9}"}]])
        );
    }
}
