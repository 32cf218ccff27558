//! Input that is wrong: refused with a kind, or kept; nothing else is lost.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::state::{ConversationFilter, MAX_METADATA_BYTES};
use conversation_sdk::{ConversationErrorKind as Kind, Message, Role, Start, TurnOptions, Window};
use serde_json::{Map, Value, json};

use crate::support::{KIB, Rig, history, image};
use crate::tools::Obedient;

fn provider(answers: usize) -> ScriptedProvider {
    (0..answers).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

/// Messages of another program: of a role that this version does not know, and without a field.
#[tokio::test]
async fn messages_that_are_not_known_are_kept_and_not_sent() {
    let rig = Rig::new(provider(1));
    let mut conversation = rig.start().await;
    let strange = [
        json!({"role": "narrator", "content": "Meanwhile", "mood": 3}),
        json!({"content": "Nobody said this"}),
        json!({"role": "user"}),
    ];
    let read: Vec<Message> = strange
        .iter()
        .map(|json| serde_json::from_value(json.clone()).unwrap())
        .collect();
    let ids = conversation.append(read).await.unwrap();
    conversation.send("Go on").await.unwrap();
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages.len(), strange.len() + 2);
    for ((message, id), strange) in messages.iter().zip(&ids).zip(&strange) {
        assert_eq!(message.id, *id);
        // What another program has written is read back, unknown fields too.
        let json = serde_json::to_value(message).unwrap();
        for (name, value) in strange.as_object().unwrap() {
            assert_eq!(json[name], *value, "{json}");
        }
    }
    assert_eq!(messages[3].text(), "Go on");
    let sent = rig.provider.requests();
    assert!(
        sent[0]
            .messages
            .iter()
            .all(|sent| sent.role != Role::Unknown)
    );
    assert!(!format!("{:?}", sent[0]).contains("narrator"));
}

#[tokio::test]
async fn half_of_a_utf_16_pair_is_replaced_and_sixteen_mebibytes_are_kept() {
    let rig = Rig::new(provider(2));
    let mut conversation = rig.start().await;
    let half: Message = serde_json::from_str(
        r#"{"role":"user","content":[{"type":"text","text":"a\ud83d\u0000b"}],"created_at":"2026-01-02T03:04:05Z"}"#,
    )
    .unwrap();
    conversation.send(half.content).await.unwrap();
    let long = "0123456789abcde\n".repeat(1024 * KIB);
    conversation.send(long.as_str()).await.unwrap();
    let history = history(&conversation).await;
    assert_eq!(history[0].1, "a\u{fffd}\0b");
    assert!(history[2].1 == long && long.len() == 16 << 20);
}

#[tokio::test]
async fn titles_are_text_and_metadata_has_a_bound() {
    let rig = Rig::new(provider(0));
    let conversation = rig.start().await;
    let no_json = "{\"title\": \u{0}\\ud83d";
    conversation
        .set_title(Some(no_json.to_owned()))
        .await
        .unwrap();
    let read = conversation.read(Window::MetadataOnly).await.unwrap();
    assert_eq!(read.record.title.as_deref(), Some(no_json));
    let long = "x".repeat(MAX_METADATA_BYTES + 1);
    let error = conversation
        .set_title(Some(long.clone()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput, "{error}");
    let metadata = Map::from_iter([("note".to_owned(), Value::from(long))]);
    let error = conversation.set_metadata(metadata).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput, "{error}");
    let read = conversation.read(Window::MetadataOnly).await.unwrap();
    assert_eq!(read.record.title.as_deref(), Some(no_json));
}

#[tokio::test]
async fn values_above_the_limits_of_the_state_are_invalid_input() {
    let rig = Rig::new(provider(0));
    let mut conversation = rig.start().await;
    let key = TurnOptions::new().with_idempotency_key("k".repeat(257));
    let error = conversation.send_with("One", key).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.http_status()),
        (Kind::InvalidInput, 400)
    );
    assert!(history(&conversation).await.is_empty());
    let long = "x".repeat(MAX_METADATA_BYTES + 1);
    let start = Start::new().with_title(long);
    let error = rig.manager.start(start).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput, "{error}");
}

#[tokio::test]
async fn a_cursor_that_somebody_edited_is_refused() {
    let rig = Rig::new(provider(0));
    for _ in 0..3 {
        rig.start().await;
    }
    let filter = ConversationFilter::new().with_limit(1);
    let page = rig.manager.find_conversations(&filter).await.unwrap();
    let cursor = page.next.unwrap();
    let edited = [
        format!("{cursor}A"),
        cursor[1..].to_owned(),
        "\u{1f600}".to_owned(),
    ];
    for edited in edited {
        let filter = filter.clone().with_cursor(Some(edited));
        let error = rig.manager.find_conversations(&filter).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput);
    }
    // That of another list is no cursor of this one.
    let others = ConversationFilter::new()
        .with_user("u1".parse().unwrap())
        .with_cursor(Some(cursor));
    let error = rig.manager.find_conversations(&others).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
}

#[tokio::test]
async fn a_key_with_other_content_changes_nothing() {
    let rig = Rig::new(provider(1));
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k");
    conversation
        .send_with("One", options.clone())
        .await
        .unwrap();
    let before = history(&conversation).await;
    let other = conversation_sdk::UserMessage::from("One").with_part(image(1, 200 * KIB));
    let error = conversation
        .send_with(other, options.clone())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (Kind::KeyReused, 422));
    assert_eq!(history(&conversation).await, before);
    assert!(rig.stored().await.is_empty());
    assert_eq!(rig.provider.request_count(), 1);
    assert_eq!(
        conversation.send_with("One", options).await.unwrap().text(),
        "ok"
    );
}

#[tokio::test]
async fn what_the_provider_refuses_says_what_to_do() {
    use conversation_sdk::ProviderErrorKind as Of;
    for (of, word) in [
        (Of::Authentication, "key"),
        (Of::NotFound, "model"),
        (Of::InvalidResponse, "base URL"),
        (Of::Connect, "base URL"),
        (Of::ContextLength, "history"),
        (Of::Quota, "credit"),
        (Of::MediaRefused, "media"),
    ] {
        let failed = ScriptedAnswer::new().error_of(of);
        let rig = Rig::new(ScriptedProvider::new().with_answer(failed));
        let mut conversation = rig.start().await;
        let error = conversation.send("Hello").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Provider);
        assert!(error.hint().contains(word), "{of:?}: {}", error.hint());
        let told = serde_json::to_value(&error).unwrap();
        assert_eq!(told["hint"], error.hint());
    }
}

#[tokio::test]
async fn broken_arguments_run_no_tool_and_the_model_is_told() {
    let calling = |text: &str| ScriptedAnswer::new().tool_call("c1", "obey", text);
    let provider = ScriptedProvider::new()
        .with_answer(calling("{\"do\":"))
        .with_answer(calling("[1]"))
        .with_answer(calling("do it"))
        .with_answer(ScriptedAnswer::new().text("Sorry."));
    let rig = Rig::with(provider, |builder| builder.with_tool(Obedient::default()));
    let mut conversation = rig.start().await;
    assert_eq!(conversation.send("Work").await.unwrap().text(), "Sorry.");
    let told = history(&conversation).await;
    let told: Vec<_> = told
        .iter()
        .filter(|(role, _)| *role == Role::Tool)
        .collect();
    assert_eq!(told.len(), 3);
    for (_, text) in told {
        assert!(text.starts_with("error: the arguments are not"), "{text}");
    }
}

#[tokio::test]
async fn an_empty_message_is_refused() {
    let rig = Rig::new(provider(0));
    let mut conversation = rig.start().await;
    let error = conversation.send("").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.http_status()),
        (Kind::InvalidInput, 400)
    );
    assert!(history(&conversation).await.is_empty());
}
