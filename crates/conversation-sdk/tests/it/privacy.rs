//! What logs, events, errors and `Debug` never hold.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{ProviderErrorKind, UserMessage};
use media_types::Mime;

use crate::support::{KIB, Rig, image, image_bytes};

#[tokio::test]
async fn neither_events_nor_debug_nor_errors_hold_bytes_or_text() {
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("a secret answer")
                .media(Mime::IMAGE_PNG, image_bytes(4, 200 * KIB)),
        )
        .with_answer(
            ScriptedAnswer::new()
                .text("a secret half")
                .error_of(ProviderErrorKind::Interrupted),
        );
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let message = UserMessage::from("a secret question").with_part(image(1, 150 * KIB));
    let mut shown = format!("{message:?}");
    let response = conversation.send(message).await.unwrap();
    shown.push_str(&format!("{response:?}{conversation:?}"));
    let error = conversation.send("a secret plea").await.unwrap_err();
    shown.push_str(&format!("{error}{error:?}"));
    let json = serde_json::to_string(&error).unwrap();
    assert!(json.contains(r#""kind":"provider""#), "{json}");
    shown.push_str(&json);
    let events = rig.events.lock().unwrap().clone();
    assert!(events.len() > 6);
    for event in &events {
        shown.push_str(&format!("{event:?}"));
        shown.push_str(&serde_json::to_string(event).unwrap());
    }
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.len() < 64 * KIB, "{} bytes are shown", shown.len());
}

#[tokio::test]
async fn a_listener_that_panics_changes_nothing() {
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let rig = Rig::with(provider, |builder| {
        builder.with_listener(|_: &conversation_sdk::Event| panic!("told to"))
    });
    let mut conversation = rig.start().await;
    assert_eq!(conversation.send("Hi").await.unwrap().text(), "ok");
}
