//! Messages: what is written, read, replaced and cut off.

use conversation_types::{
    Cost, FinishReason, Message, MessageStatus, OpaqueData, Part, ProviderData, RawJson, Role,
    TextPart, TokenUsage, ToolCall,
};
use media_types::{MediaContent, Mime};
use serde_json::json;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::load::{LoadOptions, Window};
use crate::outcome::NewConversation;
use crate::record::{BranchSource, MediaStoreName};
use crate::turn::{ContextInclusion, PendingCall, TurnRecord, TurnStatus};
use crate::update::{PlannerEntry, RecordUpdate};

pub(super) async fn what_is_written_is_read_back_exactly(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut given = record("a")
        .with_session(Some("session-1".parse().unwrap()))
        .with_run(Some("run-1".parse().unwrap()))
        .with_prompt(Some(json!({"pack": "p", "numbers": [1, 0.1, null]})))
        .with_title(Some("title \u{0}\u{1f600}".into()))
        .with_metadata(json!({"a": {"b": [true]}}).as_object().unwrap().clone())
        .with_tags(["one", "two"])
        .with_media_retention(Some("retain-3days".into()))
        .with_parent(Some(id("parent")))
        .with_source(Some(BranchSource {
            conversation: id("original"),
            version: 7,
        }));
    given.extra.insert("later".into(), json!({"x": 1}));
    let created = store.create(NewConversation::new(given.clone())).await;
    let created = created.unwrap().into_record();
    given.version = 1;
    given.created_at = created.created_at;
    given.updated_at = created.updated_at;
    given.counters = created.counters.clone();
    assert_eq!(created, given);

    let mut turn = TurnRecord::new(turn_id("t1")).with_status(TurnStatus::Suspended);
    turn.in_context = ContextInclusion::UserOnly;
    turn.finish = Some(FinishReason::Other("odd".into()));
    turn.usage = TokenUsage::new(1, 2).with_images(3);
    turn.cost = Some(Cost::from_usd(0.1));
    turn.error = Some("timeout".into());
    turn.attempts = 2;
    turn.ended_at = Some(turn.started_at);
    turn.idempotency_key = Some("key \u{0}".into());
    turn.fingerprint = Some("print".into());
    turn.pending = vec![PendingCall::new("token", "call")];
    turn.metadata.insert("x".into(), json!([1.5]));
    turn.extra.insert("later".into(), json!("y"));

    let raw = |text: &str| RawJson::from_text(text).unwrap();
    let provider_data = ProviderData::new().with("gemini", raw(r#"{"s" : "\u0041"}"#));
    let mut message = Message::new(
        Role::Assistant,
        vec![
            "words \u{0}\u{1f600} 'quoted' %_".into(),
            TextPart::new("signed")
                .with_provider_data(provider_data.clone())
                .into(),
            MediaContent::from_bytes(Mime::TEXT_PLAIN, "inline").into(),
            picture("a")
                .with_caption("c")
                .with_attribute("own", 1.5)
                .into(),
            Part::reasoning(
                "why",
                Some(("openai".into(), OpaqueData::Json(raw("[1 ,2]")))),
            ),
            Part::opaque("openai", OpaqueData::Stored(reference("opaque"))),
            serde_json::from_str(r#"{"type":"hologram", "x":[1 ,2]}"#).unwrap(),
        ],
    )
    .with_turn(turn_id("t1"))
    .with_status(MessageStatus::Partial)
    .with_tool_calls(vec![
        ToolCall::new("c", "t", "{\"a\":").with_provider_data(provider_data),
    ]);
    message.usage = Some(TokenUsage::new(1, 2));
    message.metadata.insert("model".into(), "m".into());
    message.extra.insert("later", raw("{\"k\" : 1}"));
    let tool = Message::tool("c", vec!["done".into()]).with_turn(turn_id("t1"));
    let messages = [message, tool];
    let write = write(&created)
        .with_turn(turn.clone())
        .with_append(messages.clone())
        .with_record(RecordUpdate::new().with_media_stores([MediaStoreName::new("file", None)]));
    let applied = store.apply(write).await.unwrap();

    let loaded = load(&*store, "a", Window::All).await;
    assert_eq!(loaded.record, applied.record);
    assert_eq!(
        loaded.record.media_stores,
        [MediaStoreName::new("file", None)]
    );
    assert_eq!(loaded.turns, [turn]);
    let read: Vec<&Message> = loaded
        .messages
        .iter()
        .map(|stored| &stored.message)
        .collect();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        serde_json::to_string(&messages).unwrap()
    );
    assert_eq!(*read[0], messages[0]);
}

pub(super) async fn windows_read_what_they_name(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut known = create(&*store, "a").await;
    for n in 0..5 {
        known = run_turn(&*store, &known, &format!("t{n}")).await;
    }
    let q = |n: usize| format!("question of t{n}");
    let a = |n: usize| format!("answer of t{n}");
    let all: Vec<String> = (0..5).flat_map(|n| [q(n), a(n)]).collect();
    for (window, expected) in [
        (Window::MetadataOnly, vec![]),
        (Window::NewestMessages(3), vec![a(3), q(4), a(4)]),
        (Window::NewestMessages(0), vec![]),
        (Window::NewestMessages(99), all.clone()),
        (Window::NewestTurns(2), vec![q(3), a(3), q(4), a(4)]),
        (Window::NewestTurns(0), vec![]),
        (Window::NewestTurns(usize::MAX), all.clone()),
        (Window::Range(2..4), vec![q(1), a(1)]),
        (Window::Range(9..99), vec![a(4)]),
        (Window::Range(50..99), vec![]),
        (Window::Since(8), vec![q(4), a(4)]),
        (Window::Since(u64::MAX), vec![]),
        (Window::Turn(turn_id("t2")), vec![q(2), a(2)]),
        (Window::Turn(turn_id("nobody")), vec![]),
        (Window::All, all),
    ] {
        let loaded = load(&*store, "a", window.clone()).await;
        assert_eq!(texts(&loaded), expected, "{window:?}");
        assert_eq!(loaded.record, known);
        for stored in &loaded.messages {
            let place = store.find_message(&id("a"), &stored.message.id).await;
            let place = place.unwrap().expect("a place");
            assert_eq!((place.branch, place.position), (0, stored.position));
            let turn = stored.message.turn.as_ref().unwrap();
            assert!(loaded.turn(turn).is_some(), "the turns of the messages");
        }
    }
    // A turn can be asked for beside any window.
    let options = LoadOptions::new(Window::NewestTurns(1)).with_turn(turn_id("t1"));
    let loaded = store.load(&id("a"), options).await.unwrap().unwrap();
    let turns: Vec<&str> = loaded.turns.iter().map(|turn| turn.id.as_str()).collect();
    assert_eq!(turns, ["t1", "t4"]);
    let nobody = store
        .find_message(&id("a"), &"nobody".parse().unwrap())
        .await;
    assert_eq!(nobody.unwrap(), None);
}

pub(super) async fn windows_count_turns_in_context(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut known = create(&*store, "a").await;
    for (name, in_context) in [
        ("t0", ContextInclusion::All),
        ("t1", ContextInclusion::None),
        ("t2", ContextInclusion::UserOnly),
        ("t3", ContextInclusion::None),
        ("t4", ContextInclusion::All),
        ("t5", ContextInclusion::None),
    ] {
        let open = begin(&*store, &known, name).await;
        let mut turn = open.record.clone().with_status(TurnStatus::Failed);
        turn.in_context = in_context;
        known = store
            .apply(open.write().with_turn(turn))
            .await
            .unwrap()
            .record;
    }
    let loaded = load(&*store, "a", Window::NewestTurns(2)).await;
    assert_eq!(texts(&loaded), ["question of t2", "question of t4"]);
    let loaded = load(&*store, "a", Window::NewestTurns(9)).await;
    assert_eq!(loaded.messages.len(), 3);
    // A turn that is taken out of the context is not counted any more.
    let out = TurnRecord::new(turn_id("t4"))
        .with_status(TurnStatus::Failed)
        .with_in_context(ContextInclusion::None);
    store.apply(write(&known).with_turn(out)).await.unwrap();
    let loaded = load(&*store, "a", Window::NewestTurns(2)).await;
    assert_eq!(texts(&loaded), ["question of t0", "question of t2"]);
}

pub(super) async fn windows_count_messages_without_a_turn_from_user_to_user(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut known = create(&*store, "a").await;
    let system = Message::new(Role::System, vec!["s".into()]);
    for part in [
        vec![system, Message::user("q0")],
        vec![Message::assistant(vec!["a0".into()])],
        vec![Message::assistant(vec!["b0".into()]), Message::user("q1")],
    ] {
        known = store
            .apply(write(&known).with_append(part))
            .await
            .unwrap()
            .record;
    }
    known = run_turn(&*store, &known, "t2").await;
    let more = [Message::assistant(vec!["x".into()])];
    store.apply(write(&known).with_append(more)).await.unwrap();
    for (turns, expected) in [
        (1, &["x"][..]),
        (2, &["question of t2", "answer of t2", "x"]),
        (3, &["q1", "question of t2", "answer of t2", "x"]),
        (
            4,
            &[
                "q0",
                "a0",
                "b0",
                "q1",
                "question of t2",
                "answer of t2",
                "x",
            ],
        ),
        (
            5,
            &[
                "s",
                "q0",
                "a0",
                "b0",
                "q1",
                "question of t2",
                "answer of t2",
                "x",
            ],
        ),
    ] {
        let loaded = load(&*store, "a", Window::NewestTurns(turns)).await;
        assert_eq!(texts(&loaded), expected, "{turns} turns");
    }
}

pub(super) async fn planner_rows_are_apart(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let entry = |key: &str, text: &str| PlannerEntry::new(key, RawJson::from_text(text).unwrap());
    let first = write(&known)
        .with_planner(entry("one", "{\"n\" : 1}"))
        .with_planner(entry("two", "2"));
    let known = store.apply(first).await.unwrap().record;
    let second = write(&known).with_planner(entry("two", "3"));
    let known = store.apply(second).await.unwrap().record;
    assert_eq!(known.head, 0, "no part of the history");
    let options = LoadOptions::default()
        .with_planner("one")
        .with_planner("none")
        .with_planner("two");
    let loaded = store.load(&id("a"), options).await.unwrap().unwrap();
    assert_eq!(
        loaded.planner,
        [entry("one", "{\"n\" : 1}"), entry("two", "3")]
    );
    assert!(load(&*store, "a", Window::All).await.planner.is_empty());
}
