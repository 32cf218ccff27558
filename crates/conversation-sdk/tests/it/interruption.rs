use std::time::Duration;

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, EventKind, LeaseTimes, ManagerConfig, MessageStatus, OnDrop,
    Owner, ProviderErrorKind, RetryFrom, Role, TurnEvent, TurnOptions, TurnStatus, UsageSource,
    Window,
};
use media_types::Mime;

use crate::support::{KIB, Rig, history, image_bytes, references};

#[tokio::test]
async fn a_broken_stream_keeps_the_message_and_what_came() {
    let painted = image_bytes(1, 300 * KIB);
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("Once upon")
                .media(Mime::IMAGE_PNG, painted)
                .error_of(ProviderErrorKind::Interrupted),
        )
        .with_answer(ScriptedAnswer::new().text("a time"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let error = conversation.send("A story").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Provider);
    let kept = error.kept().unwrap();
    assert_eq!(kept.text(), "Once upon");
    assert_eq!(kept.status(), TurnStatus::Interrupted);
    assert!(!kept.usage().is_zero());
    assert_eq!(kept.usage().source, UsageSource::Estimated);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages[1].status, MessageStatus::Partial);
    assert_eq!(references(&messages).len(), 1);
    assert_eq!(rig.stored().await.len(), 1);
    // The next turn sends what came.
    conversation.send("Go on").await.unwrap();
    assert_eq!(rig.provider.requests()[1].messages.len(), 3);
}

#[tokio::test]
async fn dropping_the_reader_cancels_or_not_and_loses_nothing() {
    for on_drop in [OnDrop::Cancel, OnDrop::Finish] {
        let gate = Gate::new();
        let answer = ScriptedAnswer::new()
            .text("first ")
            .gate(&gate)
            .text("second");
        let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
        let mut conversation = rig.start().await;
        let options = TurnOptions::new().with_on_drop(on_drop);
        let mut events = conversation.stream_with("Go", options);
        while let Some(event) = events.next().await {
            if let TurnEvent::TextDelta(_) = event.unwrap() {
                break;
            }
        }
        let attached = conversation.attach(events.turn());
        drop(events);
        gate.open();
        let outcome = attached.response().await;
        let (expected, status) = match on_drop {
            OnDrop::Finish => ("first second", TurnStatus::Complete),
            _ => ("first ", TurnStatus::Interrupted),
        };
        let response = outcome.unwrap_or_else(|error| {
            assert_eq!(error.kind(), Kind::Cancelled);
            error.kept().unwrap().clone()
        });
        assert_eq!(
            (response.text().as_str(), response.status()),
            (expected, status)
        );
        let history = history(&conversation).await;
        assert_eq!(history[1], (Role::Assistant, expected.to_owned()));
    }
}

#[tokio::test]
async fn a_turn_is_cancelled_by_another_node() {
    let answer = ScriptedAnswer::new().text("first").hang();
    let times = LeaseTimes::with_ttl(Duration::from_secs(4));
    let config = ManagerConfig::new().with_lease_times(times);
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder.with_config(config.clone())
    });
    let other = Rig::on(
        ScriptedProvider::new(),
        rig.state.clone(),
        rig.store.clone(),
        |builder| builder.with_config(config),
    );
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Go");
    let turn = loop {
        if let TurnEvent::TextDelta(_) = events.next().await.unwrap().unwrap() {
            break events.turn().clone();
        }
    };
    let id = conversation.id();
    let foreign = other
        .manager
        .cancel_turn(id, Owner::user("u2"), &turn)
        .await;
    assert_eq!(foreign.unwrap_err().kind(), Kind::NotFound);
    other
        .manager
        .cancel_turn(id, Owner::user("u1"), &turn)
        .await
        .unwrap();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(error.kept().unwrap().text(), "first");
}

#[tokio::test]
async fn a_failed_turn_is_retried_and_leaves_no_trace_of_the_first_attempt() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("half").cut())
        .with_answer(ScriptedAnswer::new().error_of(ProviderErrorKind::Overloaded))
        .with_answer(ScriptedAnswer::new().text("whole"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let error = conversation.send("Go").await.unwrap_err();
    let turn = error.turn().unwrap().clone();
    // An attempt that brings nothing leaves the one before it.
    let again = conversation
        .retry_turn(&turn, RetryFrom::LastRound)
        .response()
        .await;
    again.unwrap_err();
    assert_eq!(history(&conversation).await[1].1, "half");
    let response = conversation
        .retry_turn(&turn, RetryFrom::LastRound)
        .response()
        .await
        .unwrap();
    assert_eq!(response.text(), "whole");
    let history = history(&conversation).await;
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].1, "whole");
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].attempts, 3);
    assert_eq!(read.turns[0].status, TurnStatus::Complete);
}

#[tokio::test]
async fn a_timeout_keeps_what_came() {
    let answer = ScriptedAnswer::new().text("slow").hang();
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_timeout(Duration::from_millis(1500));
    let error = conversation.send_with("Go", options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(history(&conversation).await[1].1, "slow");
}

#[tokio::test]
async fn a_reader_that_never_reads_holds_nothing_up() {
    let answer = ScriptedAnswer::new().text_in_pieces(&"x".repeat(100_000), 100);
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let events = conversation.stream("Go");
    let response = conversation.attach(events.turn()).response().await.unwrap();
    assert_eq!(response.text().len(), 100_000);
    let late = events.response().await.unwrap();
    assert_eq!(late.text().len(), 100_000);
}

#[tokio::test]
async fn the_model_is_refused_content_that_it_rejected() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().error_of(ProviderErrorKind::InvalidRequest))
        .with_answer(ScriptedAnswer::new().error_of(ProviderErrorKind::RateLimited))
        .with_answer(ScriptedAnswer::new().text("ok"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    conversation.send("poison").await.unwrap_err();
    conversation.send("patience").await.unwrap_err();
    conversation.send("now").await.unwrap();
    let sent: Vec<String> = rig.provider.requests()[2]
        .messages
        .iter()
        .map(|m| m.text())
        .collect();
    assert_eq!(sent, ["patience", "now"]);
    // All of it is kept.
    assert_eq!(history(&conversation).await.len(), 4);
    let events = rig.events.lock().unwrap();
    let refusals = events.iter().filter_map(|event| match &event.kind {
        EventKind::ProviderRefused { error, round, .. } => Some((*error, *round)),
        _ => None,
    });
    assert_eq!(
        refusals.collect::<Vec<_>>(),
        [
            (ProviderErrorKind::InvalidRequest, 0),
            (ProviderErrorKind::RateLimited, 0)
        ]
    );
}
