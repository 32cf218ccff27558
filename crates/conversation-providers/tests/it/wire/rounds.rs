//! Opaque items of which there are too many, or some are gone: a round has all of them or none.

use conversation_types::{OpaqueData, ProviderData, TextPart};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use serde_json::json;

use super::*;

const MIB: usize = 1024 * 1024;

async fn stored(store: &InMemoryStorage, json: &Value) -> OpaqueData {
    let reference = store
        .store_bytes(Mime::OCTET_STREAM, json.to_string(), MediaMetadata::new())
        .await
        .unwrap();
    OpaqueData::Stored(reference)
}

/// A round: a question, reasoning of so many bytes with a call, its result, and what is said then.
async fn round(store: &InMemoryStorage, n: usize, size: usize) -> Vec<Message> {
    let (o, g) = (format!("rs_{n}"), format!("sig_{n}_"));
    let reasoning = json!({"type": "reasoning", "id": o, "encrypted_content": "x".repeat(size)});
    let signature = json!({"thoughtSignature": format!("{g}{}", "x".repeat(size))});
    let data = |gemini: OpaqueData, openai: Value| {
        let openai = conversation_types::RawJson::from(openai);
        ProviderData::new()
            .with("gemini", gemini)
            .with("openai", openai)
    };
    let call = ToolCall::new(format!("call_{n}"), "f", "{}").with_provider_data(data(
        stored(store, &signature).await,
        json!({"id": format!("fc_{n}")}),
    ));
    let second = ToolCall::new(format!("other_{n}"), "f", "{}").with_provider_data(data(
        conversation_types::RawJson::from(json!({"functionCall": {"id": format!("own_{n}")}}))
            .into(),
        json!({"id": format!("fd_{n}")}),
    ));
    let reasoning = stored(store, &reasoning).await;
    let said = json!({"type": "message", "id": format!("msg_{n}"), "role": "assistant",
        "status": "completed", "content": [{"type": "output_text"}]});
    let said = ProviderData::new().with("openai", conversation_types::RawJson::from(said));
    let said = TextPart::new(format!("said {n}")).with_provider_data(said);
    vec![
        Message::user(format!("ask {n}")),
        Message::assistant(vec![Part::reasoning(
            "",
            Some(("openai".into(), reasoning)),
        )])
        .with_tool_calls(vec![call, second]),
        Message::tool(format!("call_{n}"), vec![Part::from("r")]),
        Message::tool(format!("other_{n}"), vec![Part::from("r")]),
        Message::assistant(vec![Part::Text(said)]),
    ]
}

/// Which of the ids of each round are in a body, in the order of the rounds.
fn ids(body: &str, rounds: usize, names: &[&str]) -> Vec<usize> {
    let of = |n: usize| {
        let is_in = |name: &&&str| body.contains(&format!("\"{name}_{n}\""));
        names.iter().filter(is_in).count()
    };
    (0..rounds).map(of).collect()
}

async fn sent_as(format: ApiFormat, messages: &[Message], media: &MediaContext) -> String {
    let request = ProviderRequest::new(messages);
    let body = body_by(&without_limits(), format, &request, media).await;
    String::from_utf8(text(&body).await).unwrap()
}

#[tokio::test]
async fn the_oldest_rounds_go_without_their_opaque_items_in_steps() {
    let store = InMemoryStorage::new();
    let mut messages = Vec::new();
    for n in 0..6 {
        messages.extend(round(&store, n, 4 * MIB).await);
    }
    let media = over(Arc::new(store));
    let mut firsts = Vec::new();
    for rounds in 1..=6 {
        let messages = &messages[..rounds * 5];
        let body = sent_as(ApiFormat::OPENAI_RESPONSES, messages, &media).await;
        let found = ids(&body, rounds, &["rs", "fc", "fd", "msg"]);
        let first = found.iter().take_while(|count| **count == 0).count();
        assert!(found[first..].iter().all(|count| *count == 4), "{found:?}");
        let kept = ids(&body, rounds, &["call", "other"]);
        assert_eq!(kept, vec![2; rounds]);
        firsts.push(first);
    }
    assert_eq!(firsts, [0, 0, 0, 2, 2, 4]);
}

#[tokio::test]
async fn calls_without_their_signatures_are_all_sent_as_those_of_another_model() {
    let store = InMemoryStorage::new();
    let mut messages = round(&store, 0, 9 * MIB).await;
    messages.extend(round(&store, 1, 9 * MIB).await);
    let media = over(Arc::new(store));
    let body = body_of(ApiFormat::GEMINI_CONTENTS, &messages, &media).await;
    let calls = body["contents"].as_array().unwrap().iter();
    let calls = calls.flat_map(|content| content["parts"].as_array().unwrap());
    let calls: Vec<&Value> = calls
        .filter(|part| part["functionCall"].is_object())
        .collect();
    let signature = |at: usize| {
        calls[at]["thoughtSignature"]
            .as_str()
            .map(|text| &text[..5])
    };
    assert_eq!(
        [signature(0), signature(1), signature(2), signature(3)],
        [Some("skip_"), None, Some("sig_1"), None]
    );
    let body = body.to_string();
    assert!(!body.contains("own_0") && body.matches("own_1").count() == 2);
}

#[tokio::test]
async fn the_newest_round_goes_whole_whatever_its_size() {
    let store = InMemoryStorage::new();
    let mut messages = round(&store, 0, 1).await;
    messages.extend(round(&store, 1, 20 * MIB).await);
    let media = over(Arc::new(store));
    let body = sent_as(ApiFormat::OPENAI_RESPONSES, &messages, &media).await;
    assert_eq!(ids(&body, 2, &["rs", "fc", "fd", "msg"]), [0, 4]);
}

#[tokio::test]
async fn a_round_that_has_lost_an_item_goes_without_the_others_and_without_their_ids() {
    let store = InMemoryStorage::new();
    let mut messages = Vec::new();
    for n in 0..3 {
        messages.extend(round(&store, n, 100).await);
    }
    let Part::Reasoning {
        opaque: Some((_, item)),
        ..
    } = &messages[6].content[0]
    else {
        panic!("no reasoning")
    };
    store.delete(item.reference().unwrap()).await.unwrap();
    let media = over(Arc::new(store));
    let body = sent_as(ApiFormat::OPENAI_RESPONSES, &messages, &media).await;
    assert_eq!(ids(&body, 3, &["rs", "fc", "fd", "msg"]), [4, 0, 4]);
    assert!(body.contains("said 1") && body.contains("call_1"));
}
