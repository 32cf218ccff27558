//! Opaque data of providers.

use std::sync::Arc;

use conversation_types::{Message, OpaqueData, Part, ProviderData, RawJson, TextPart, ToolCall};
use media_loader::{LoadOptions, MediaLoader};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::Mime;
use proptest::prelude::*;

use super::support::{KIB, count, externalizer, owner, png, references_in, run};
use crate::{BatchKind, ExternalizeOptions, OnStorageError, resolve_opaque};

fn json(seed: usize, size: usize) -> RawJson {
    // White space and numbers as a provider may write them; PNG magic must not matter.
    RawJson::from_text(format!(
        r#"{{ "n": 1.50,"seed":{seed}, "signature":"\u0089PNG{}" }}"#,
        "x".repeat(size)
    ))
    .unwrap()
}

fn message(size: usize) -> Message {
    let data = |seed| ProviderData::new().with("gemini", json(seed, size));
    let mut call = ToolCall::new("call-1", "paint", "{}");
    call.provider_data = data(5).with("openai", json(50, 10));
    Message::assistant(vec![
        Part::reasoning("thinking", Some(("anthropic".into(), json(1, size).into()))),
        Part::opaque("openai", json(2, size)),
        TextPart::new("text").with_provider_data(data(3)).into(),
        data(4).attach_to(png(1, 200 * KIB)).into(),
        png(2, 10).into(),
    ])
    .with_tool_calls(vec![call])
}

fn loader(store: &InMemoryStorage) -> MediaLoader {
    let storage: Arc<dyn MediaStorage> = Arc::new(store.clone());
    let scope = Scope::Conversation(owner().conversation);
    let loader = MediaLoader::builder().with_storage(storage).build();
    loader.with_options(LoadOptions::new().with_expected_scope(scope))
}

#[tokio::test]
async fn large_opaque_data_goes_to_the_store_and_comes_back_unchanged() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let before = message(200 * KIB);
    let mut messages = [before.clone()];
    run(&externalizer, BatchKind::Answer, &mut messages).await;
    assert_eq!(count(&store).await, 6);
    assert!(serde_json::to_string(&messages[0]).unwrap().len() < 8 * KIB);
    assert_eq!(references_in(&messages[0]), 6);
    let Part::Opaque {
        item: OpaqueData::Stored(reference),
        ..
    } = &messages[0].content[1]
    else {
        panic!("{:?}", messages[0]);
    };
    let stored = store.retrieve(reference).await.unwrap();
    assert_eq!(stored.mime, Mime::OCTET_STREAM);
    // Read by a program that was started later.
    let text = serde_json::to_string(&messages[0]).unwrap();
    let mut read: Message = serde_json::from_str(&text).unwrap();
    let unresolved = resolve_opaque(&loader(&store), &mut read, None).await;
    assert!(unresolved.is_empty(), "{unresolved:?}");
    for (now, then) in read.content.iter().zip(&before.content) {
        match (now, then) {
            (Part::Media(now), Part::Media(then)) => {
                let value = |media| {
                    let data = ProviderData::of_media(media);
                    data.get("gemini")
                        .map(|data| data.json().unwrap().parse::<serde_json::Value>().unwrap())
                };
                assert_eq!(value(now), value(then));
            }
            _ => assert_eq!(now, then),
        }
    }
    assert_eq!(read.tool_calls, before.tool_calls);
}

#[tokio::test]
async fn small_opaque_data_stays_whatever_the_threshold() {
    for (threshold, size, stored) in [
        (0, 100, 0),
        (100 * KIB, 50 * KIB, 0),
        (0, 2 * KIB, 5),
        (KIB, 2 * KIB, 5),
    ] {
        let store = InMemoryStorage::new();
        let options = ExternalizeOptions::new().with_threshold_bytes(threshold as u64);
        let externalizer = externalizer(store.clone(), options);
        let mut before = message(size);
        before.content.retain(|part| part.as_media().is_none());
        let mut messages = [before.clone()];
        run(&externalizer, BatchKind::Answer, &mut messages).await;
        assert_eq!(count(&store).await, stored.min(4), "{threshold} {size}");
        assert_eq!(messages[0] == before, stored == 0);
    }
}

#[tokio::test]
async fn data_that_is_gone_or_of_another_api_stays_a_reference() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let mut messages = [message(200 * KIB)];
    run(&externalizer, BatchKind::Answer, &mut messages).await;
    let stored = messages[0].clone();
    let unresolved = resolve_opaque(&loader(&store), &mut messages[0], Some("openai")).await;
    assert!(unresolved.is_empty());
    assert_ne!(messages[0].content[1], stored.content[1]);
    assert_eq!(messages[0].content[0], stored.content[0]);
    // Of another conversation.
    let scope = Scope::Conversation("conv-2".parse().unwrap());
    let foreign = loader(&store).with_options(LoadOptions::new().with_expected_scope(scope));
    let mut read = stored.clone();
    let unresolved = resolve_opaque(&foreign, &mut read, None).await;
    assert_eq!(unresolved.len(), 5);
    assert!(unresolved.iter().all(|one| {
        one.error
            .as_ref()
            .is_some_and(media_loader::LoadError::is_missing)
    }));
    assert_eq!(read, stored);
}

#[tokio::test]
async fn a_failing_store_keeps_it_inline_within_bounds_or_leaves_it_out() {
    for (limit, on_error, inline) in [
        (8 << 20, OnStorageError::KeepInline, true),
        (100, OnStorageError::KeepInline, false),
        (8 << 20, OnStorageError::FailTurn, false),
    ] {
        let store = FaultyStorage::new(InMemoryStorage::new())
            .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
        let options = ExternalizeOptions::new()
            .with_on_storage_error(on_error)
            .with_max_inline_bytes_per_message(limit);
        let externalizer = externalizer(store, options);
        let before = message(200 * KIB);
        let mut messages = [before.clone()];
        let report = run(&externalizer, BatchKind::Answer, &mut messages).await;
        if inline {
            assert_eq!(messages[0], before);
            continue;
        }
        assert_eq!(report.omitted.len(), 6);
        let [
            Part::Reasoning {
                text, opaque: None, ..
            },
            Part::Omitted(_),
            Part::Text(part),
            Part::Omitted(_),
            Part::Media(_),
        ] = messages[0].content.as_slice()
        else {
            panic!("{:?}", messages[0]);
        };
        assert_eq!((text.as_str(), part.text.as_str()), ("thinking", "text"));
        assert!(part.provider_data.is_empty());
        let data = &messages[0].tool_calls[0].provider_data;
        assert!(data.get("gemini").is_none() && data.get("openai").is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_json_comes_back_byte_for_byte(text in "[ -~\u{e9}\u{1f600}]{0,2000}", spaces in 0_usize..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let space = " ".repeat(spaces);
        let value = serde_json::to_string(&text).unwrap();
        let json = format!(r#"{{{space}"a":{space}{value},"n":1e5,"b":[{space}] , "pad":"{}"}}"#, "y".repeat(1024));
        let json = RawJson::from_text(json).unwrap();
        let before = Message::assistant(vec![Part::opaque("x", json)]);
        runtime.block_on(async {
            let store = InMemoryStorage::new();
            let options = ExternalizeOptions::new().with_threshold_bytes(0);
            let mut messages = [before.clone()];
            run(&externalizer(store.clone(), options), BatchKind::Answer, &mut messages).await;
            assert_eq!(count(&store).await, 1);
            assert!(resolve_opaque(&loader(&store), &mut messages[0], Some("x")).await.is_empty());
            assert_eq!(messages[0], before);
        });
    }
}
