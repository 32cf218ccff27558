//! Media of chat completions on its way into the store, and answers that are no answers.

use conversation_sdk::{
    Conversation, ConversationError, ConversationManager, InMemoryStateStore, ManagerConfig,
    ProviderErrorKind as Kind, Response, StateStore,
};
use media_storage::{InMemoryStorage, MediaStorageExt, Scope};
use media_types::base64;

use super::peer::{Act, Peer, head};
use super::*;
use crate::receive::Spools;
use crate::support::{config, pack, picture_bytes, stored};

/// How a turn is asked for.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Events,
}

const WAYS: [Way; 2] = [Way::Whole, Way::Events];

impl Way {
    /// The answer with this message, or this delta, in pieces of a size.
    fn act(self, message: &str, size: usize) -> Act {
        let body = match self {
            Self::Whole => {
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
            Self::Whole => head(200, &[], Some(claimed), "application/json"),
            Self::Events => head(200, &[], None, "text/event-stream"),
        };
        let pieces = body.chunks(size).map(<[u8]>::to_vec);
        Act::Send(std::iter::once(head.into_bytes()).chain(pieces).collect())
    }

    async fn ask(self, conversation: &mut Conversation) -> Result<Response, ConversationError> {
        match self {
            Self::Whole => conversation.send("paint").await,
            Self::Events => conversation.stream("paint").finish().await,
        }
    }
}

struct Turn {
    outcome: Result<Response, ConversationError>,
    store: InMemoryStorage,
    messages: u64,
}

/// One turn of a conversation with a peer that answers once.
async fn turn(way: Way, act: Act, settings: ManagerConfig, limit: Option<usize>) -> Turn {
    let store = InMemoryStorage::new();
    let state = InMemoryStateStore::new();
    let peer = Peer::start([act]).await;
    let mut model = provider(&peer).with_max_retries(0);
    if let Some(limit) = limit {
        model = model.with_max_answer_bytes(limit);
    }
    let manager = ConversationManager::builder()
        .with_provider(model)
        .with_media_storage(store.clone())
        .with_state_store(state.clone())
        .with_config(settings)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let outcome = way.ask(&mut conversation).await;
    let window = conversation_sdk::Window::Record;
    let loaded = state.load(conversation.id(), window).await.unwrap();
    Turn {
        outcome,
        store,
        messages: loaded.map_or(0, |loaded| loaded.record.messages),
    }
}

fn uri(bytes: &[u8]) -> Value {
    let text = format!("data:image/png;base64,{}", base64::encode(bytes));
    json!({"type": "image_url", "image_url": {"url": text}})
}

#[tokio::test]
async fn pictures_and_sound_of_chat_answers_are_stored_byte_for_byte() {
    let sizes = [178, 1000, 102_400, 131_072, 1_000_003, 5_000_000];
    for way in WAYS {
        let spools = Spools::new();
        let settings = spools.config().with_media_size_threshold_kb(0);
        let pictures: Vec<_> = (0..).zip(sizes).map(|(s, n)| picture_bytes(s, n)).collect();
        let images: Vec<Value> = pictures.iter().map(|bytes| uri(bytes)).collect();
        let sound = [b"RIFF\0\0\0\0WAVE".as_slice(), &picture_bytes(9, 200_000)].concat();
        let mut message = json!({"content": "look", "images": images});
        let mut media = pictures.clone();
        if let Way::Whole = way {
            let data = base64::encode(&sound);
            message["audio"] = json!({"data": data, "transcript": "words"});
            media.insert(0, sound.into());
        }
        // Servers that escape slashes are many.
        let message = message.to_string().replace('/', "\\/");
        let turn = turn(way, way.act(&message, 60_007), settings, None).await;
        let response = turn.outcome.unwrap();
        assert_eq!(response.text(), "look");
        assert_eq!(response.media().len(), media.len(), "{way:?}");
        for (content, bytes) in response.media().iter().zip(&media) {
            let reference = content.reference().unwrap();
            assert_eq!(reference.backend(), "memory");
            let kept = turn.store.retrieve_bytes(reference, u64::MAX).await;
            assert!(kept.unwrap() == *bytes, "{} bytes", bytes.len());
        }
        assert_eq!(stored(&turn.store, Scope::All).await.len(), media.len());
        spools.assert_empty();
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
    let not_base64 = Some("media is not base64");
    let too_large = Some("the answer is too large");
    for (name, message, limit, words) in [
        ("broken base64", broken, None, not_base64),
        (
            "an odd symbol",
            many(1, &url("data:;base64,AAAAA")),
            None,
            not_base64,
        ),
        (
            "bits that nobody wrote",
            many(1, &url("data:;base64,AB==")),
            None,
            not_base64,
        ),
        (
            "65 pictures",
            many(65, &url("data:;base64,AAAA")),
            None,
            too_large,
        ),
        (
            "pictures of nothing",
            many(100_000, &url("data:;base64,")),
            None,
            too_large,
        ),
        ("a large picture", picture.clone(), Some(399_999), too_large),
        (
            "much text",
            many(200_000, "1234"),
            Some(1_000_000),
            too_large,
        ),
        ("a bottomless value", deep(100_000), None, too_large),
        ("a deep value", deep(125), None, None),
        (
            "a number without end",
            r#"{"content":1e999}"#.to_owned(),
            None,
            None,
        ),
        (
            "a field twice",
            r#"{"images":[],"images":[]}"#.to_owned(),
            None,
            None,
        ),
    ] {
        for way in WAYS {
            let spools = Spools::new();
            let turn = turn(way, way.act(&message, 60_007), spools.config(), limit).await;
            let error = turn.outcome.unwrap_err();
            let error = provider_error(&error);
            assert_eq!(error.kind(), Kind::InvalidResponse, "{name}: {error:?}");
            assert!(
                words.is_none() || error.message() == words,
                "{name}: {error:?}"
            );
            assert!(stored(&turn.store, Scope::All).await.is_empty(), "{name}");
            assert_eq!(turn.messages, 0, "{name}");
            spools.assert_empty();
        }
    }
}

fn provider_error(error: &ConversationError) -> &ProviderError {
    let source = std::error::Error::source(error).unwrap();
    source.downcast_ref().unwrap()
}

#[tokio::test]
async fn what_breaks_off_is_told_and_leaves_nothing() {
    let message = json!({"images": [uri(&picture_bytes(1, 400_000))]}).to_string();
    let start = |way| match way {
        Way::Whole => format!(r#"{{"choices":[{{"message":{message}"#),
        Way::Events => format!("data: {{\"choices\":[{{\"delta\":{message}"),
    };
    for way in WAYS {
        for (cut, claimed, whole) in [
            // The peer closes in mid-body; the body ends early.
            (300_000, 600_000, Kind::Interrupted),
            (300_000, 300_000, Kind::InvalidResponse),
            (start(way).len(), start(way).len(), Kind::InvalidResponse),
        ] {
            let spools = Spools::new();
            let act = way.raw(&start(way).as_bytes()[..cut], claimed, 10_000);
            let turn = turn(way, act, spools.config(), None).await;
            let error = turn.outcome.unwrap_err();
            let wanted = match way {
                Way::Whole => whole,
                // A stream of events that is not ended was cut off.
                Way::Events => Kind::Interrupted,
            };
            assert_eq!(provider_error(&error).kind(), wanted, "{way:?} {cut}");
            assert!(stored(&turn.store, Scope::All).await.is_empty());
            assert_eq!(turn.messages, 0);
            spools.assert_empty();
        }
        let spools = Spools::new();
        let text = b"{\"content\":\"\xff\xfe\"}";
        let turn = turn(way, way.raw(text, text.len(), 5), spools.config(), None).await;
        assert!(turn.outcome.is_err());
    }
}

#[tokio::test]
async fn a_line_of_events_is_read_no_further_than_the_limit() {
    for line in ["data: ", "data: {\"choices\":[{\"delta\":{\"content\":\""] {
        let spools = Spools::new();
        let body = [line.as_bytes(), &vec![b'x'; 8_000_000]].concat();
        let act = Way::Events.raw(&body, 0, 100_000);
        let turn = turn(Way::Events, act, spools.config(), Some(1_000_000)).await;
        let error = turn.outcome.unwrap_err();
        let error = provider_error(&error);
        assert_eq!(error.kind(), Kind::InvalidResponse);
        assert_eq!(error.message(), Some("the answer is too large"));
    }
}

#[tokio::test]
async fn a_usage_of_any_size_is_added_up() {
    let usage = json!({"prompt_tokens": 1e300, "completion_tokens": u64::MAX,
        "prompt_tokens_details": {"cached_tokens": 1e300}});
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let asks = json!({"choices": [{"message": {"tool_calls": [call]}}], "usage": usage});
    let says = json!({"choices": [{"message": {"content": "done"}}], "usage": usage});
    let peer = Peer::start([Act::json(200, &asks), Act::json(200, &says)]).await;
    let manager = ConversationManager::builder()
        .with_provider(provider(&peer))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation.send("count").await.unwrap();
    assert_eq!(response.text(), "done");
    assert_eq!(response.usage().output_tokens, u64::MAX);
}
