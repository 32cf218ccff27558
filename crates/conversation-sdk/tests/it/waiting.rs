use std::time::Duration;

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Checkpoint, ConversationErrorKind as Kind, LeaseTimes, ManagerConfig, TurnEvent, TurnOptions,
    TurnStatus, Window,
};

use crate::support::{Rig, first_text, history};

#[tokio::test]
async fn a_second_writer_is_told_before_it_pays_or_waits() {
    let gate = Gate::new();
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("one").gate(&gate))
        .with_answer(ScriptedAnswer::new().text("two"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let mut first = conversation.stream("1");
    while !matches!(
        first.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    let error = conversation.send("2").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
    assert_eq!(error.turn(), Some(first.turn()));
    assert!(error.lease_until().is_some());
    assert_eq!(rig.provider.requests().len(), 1);
    let options = TurnOptions::new().with_wait(Duration::from_secs(120));
    let waiting = tokio::spawn(conversation.send_with("2", options));
    gate.open();
    first.response().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().text(), "two");
    assert_eq!(history(&conversation).await.len(), 4);
}

#[tokio::test]
async fn a_turn_whose_owner_is_gone_is_taken_over() {
    let times = LeaseTimes::with_ttl(Duration::from_secs(2));
    let config = ManagerConfig::new().with_lease_times(times);
    let answer = ScriptedAnswer::new().text("lost").hang();
    // The first node's runtime ends in the middle of its turn.
    let runtime = crate::support::node_runtime();
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder
            .with_config(config.clone())
            .with_runtime(runtime.handle().clone())
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("1");
    first_text(&mut events).await;
    crate::support::kill_node(runtime).await;
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("two"));
    let other = Rig::on(provider, rig.state.clone(), rig.store.clone(), |builder| {
        builder.with_config(config)
    });
    let owner = conversation_sdk::Owner::any();
    let mut again = other
        .manager
        .resume(conversation.id(), owner)
        .await
        .unwrap();
    let options = TurnOptions::new().with_wait(Duration::from_secs(120));
    again.send_with("2", options).await.unwrap();
    let read = again.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Failed);
    assert_eq!(read.turns[0].error.as_deref(), Some("lease_lost"));
    let sent = &other.provider.requests()[0].messages;
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn readers_of_a_turn_whose_owner_is_gone_are_told_its_end() {
    let times = LeaseTimes::with_ttl(Duration::from_millis(400));
    let config = ManagerConfig::new().with_lease_times(times);
    for sends_again in [false, true] {
        let answer = ScriptedAnswer::new().text("lost").hang();
        let runtime = crate::support::node_runtime();
        let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
            builder
                .with_config(config.clone())
                .with_runtime(runtime.handle().clone())
        });
        let mut conversation = rig.start().await;
        let options = TurnOptions::new().with_idempotency_key("k");
        let mut events = conversation.stream_with("1", options.clone());
        while !matches!(
            events.next().await.unwrap().unwrap(),
            TurnEvent::TextDelta(_)
        ) {}
        let turn = events.turn().clone();
        let other = Rig::on(
            ScriptedProvider::new(),
            rig.state.clone(),
            rig.store.clone(),
            |builder| builder.with_config(config.clone()),
        );
        let owner = conversation_sdk::Owner::any();
        let mut elsewhere = other
            .manager
            .resume(conversation.id(), owner)
            .await
            .unwrap();
        // They come while the owner is alive, and nobody else ever comes.
        let reader = match sends_again {
            true => elsewhere.stream_with("1", options),
            false => elsewhere.attach(turn.clone()),
        };
        crate::support::kill_node(runtime).await;
        let outcome = tokio::time::timeout(Duration::from_secs(60), reader.response());
        let error = outcome.await.expect("told nothing").unwrap_err();
        assert_eq!(error.kind(), Kind::LeaseLost);
        assert_eq!(error.turn(), Some(&turn));
        let record = elsewhere.record().await.unwrap();
        assert_eq!(record.current_turn, None);
    }
}

#[tokio::test]
async fn a_reader_on_another_node_is_told_of_a_deletion_at_once() {
    let rig = Rig::new(ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("1").hang()));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("1");
    first_text(&mut events).await;
    let other = rig.beside();
    let elsewhere = other.resume(conversation.id()).await;
    let reader = elsewhere.attach(events.turn().clone());
    // Its media and its state are there until the lease of the turn has ended.
    let receipt = other
        .manager
        .delete_conversation(conversation.id(), conversation_sdk::Owner::any())
        .await
        .unwrap();
    assert!(receipt.leased_until().is_some());
    assert_eq!(reader.response().await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_shutdown_interrupts_and_saves() {
    let answer = ScriptedAnswer::new().text("half").hang();
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("1");
    first_text(&mut events).await;
    rig.manager
        .shutdown(Duration::from_millis(50))
        .await
        .unwrap();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(history(&conversation).await[1].1, "half");
    assert_eq!(
        conversation.send("2").await.unwrap_err().kind(),
        Kind::Closed
    );
}

#[tokio::test]
async fn a_reader_that_continues_on_another_node_redraws_and_misses_no_text() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new()
        .text("one ")
        .tool_call_start("c", "f")
        .text("two ")
        .gate(&gate)
        .text("three");
    let checkpoint = Checkpoint::new(Duration::ZERO, 1);
    let config = ManagerConfig::new().with_checkpoint(Some(checkpoint));
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder.with_config(config)
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Count");
    let mut seen = String::new();
    while seen.len() < 8 {
        if let TurnEvent::TextDelta(text) = events.next().await.unwrap().unwrap() {
            seen.push_str(&text);
        }
    }
    let position = events.position();
    let other = rig.beside();
    let elsewhere = other.resume(conversation.id()).await;
    let mut attached = elsewhere.attach(position);
    let TurnEvent::Lagged(snapshot) = attached.next().await.unwrap().unwrap() else {
        panic!("nothing to redraw from");
    };
    let mut text = snapshot.texts.concat();
    gate.open();
    while let Some(event) = attached.next().await {
        match event {
            Ok(TurnEvent::TextDelta(delta)) => text.push_str(&delta),
            Ok(TurnEvent::Done(_)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    assert_eq!(text.replace('\n', ""), "one two three");
}
