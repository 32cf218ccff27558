//! What every state store must show.

use std::pin::pin;
use std::task::Poll;

use chrono::{SubsecRound, Utc};
use conversation_sdk::pack::Variables;
use conversation_sdk::{
    ConversationFilter, ConversationRecord, ConversationStatus, Message, Part, Role,
    StateErrorKind, StateStore, TokenUsage, ToolCall, Window,
};
use media_types::{ConversationId, StorageReference, UserId};

use crate::support::{pack, picture};

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

fn record(text: &str) -> ConversationRecord {
    let variables = Variables::new().with("mood", "kind");
    ConversationRecord::new(id(text))
        .with_user(Some("user-1".parse().unwrap()))
        .with_session(Some("session-1".parse().unwrap()))
        .with_run(Some("run-1".parse().unwrap()))
        .with_pack(Some(pack().prompt("p").unwrap().reference(&variables)))
}

fn messages(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|text| Message::user(*text)).collect()
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::text).collect()
}

async fn read(store: &impl StateStore, text: &str) -> Vec<String> {
    let loaded = store.load(&id(text), Window::All).await.unwrap();
    texts(&loaded.unwrap().messages)
}

pub(super) async fn the_first_write_makes_the_conversation(store: &impl StateStore) {
    assert!(store.load(&id("a"), Window::All).await.unwrap().is_none());
    let given = record("a");
    let written = store
        .append(&given, 0, &messages(&["x", "y"]))
        .await
        .unwrap();
    assert_eq!((written.version, written.messages), (1, 2));
    assert!(written.updated_at >= given.updated_at);
    let loaded = store.load(&id("a"), Window::All).await.unwrap().unwrap();
    assert_eq!(loaded.record, written);
    assert_eq!(loaded.record.pack, given.pack);
    assert_eq!(loaded.record.created_at, given.created_at);
    assert_eq!(texts(&loaded.messages), ["x", "y"]);
    let error = store
        .append(&given, 0, &messages(&["z"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Conflict);
}

pub(super) async fn what_is_written_is_read_back_exactly(store: &impl StateStore) {
    let reference = StorageReference::builder("file", "s/c/a.png")
        .with_size(7)
        .with_created_at(Utc::now().trunc_subsecs(3))
        .build()
        .unwrap();
    let stored = picture(1, 7).with_caption("c").with_attribute("own", 1.5);
    let unreadable: Part = serde_json::from_str(r#"{"type":"hologram", "x":[1 ,2]}"#).unwrap();
    let mut message = Message::new(
        Role::Assistant,
        vec![
            "words \u{0}\u{1f600} 'quoted' %_".into(),
            picture(1, 500).into(),
            stored
                .with_source(media_types::MediaSource::Stored(reference))
                .into(),
            unreadable,
        ],
    );
    message.tool_calls = vec![ToolCall::new("c", "t", "{\"a\":1}")];
    message.usage = Some(TokenUsage::new(1, 2));
    message.metadata.insert("model".into(), "m".into());
    let tool = Message::tool("c", vec!["done".into()]);
    let given = [message, tool];
    store.append(&record("a"), 0, &given).await.unwrap();
    let loaded = store.load(&id("a"), Window::All).await.unwrap().unwrap();
    assert_eq!(
        serde_json::to_string(&loaded.messages).unwrap(),
        serde_json::to_string(&given).unwrap()
    );
}

pub(super) async fn windows_read_what_they_name(store: &impl StateStore) {
    let mut written = record("a");
    for n in 0..5 {
        let turn = [format!("{n}a"), format!("{n}b")].map(Message::user);
        written = store
            .append(&written, written.version, &turn)
            .await
            .unwrap();
    }
    for (window, first, expected) in [
        (Window::Record, 10, vec![]),
        (Window::Newest(3), 7, vec!["3b", "4a", "4b"]),
        (Window::Newest(0), 10, vec![]),
        (
            Window::Newest(99),
            0,
            vec!["0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b"],
        ),
        (Window::Range(2..4), 2, vec!["1a", "1b"]),
        (Window::Range(9..99), 9, vec!["4b"]),
        (Window::Range(50..99), 10, vec![]),
    ] {
        let loaded = store.load(&id("a"), window.clone()).await.unwrap().unwrap();
        assert_eq!(
            (loaded.first, texts(&loaded.messages)),
            (first, expected.into_iter().map(str::to_owned).collect()),
            "{window:?}"
        );
        assert_eq!(loaded.record, written);
    }
}

pub(super) async fn a_write_that_expects_another_version_changes_nothing(store: &impl StateStore) {
    let one = store
        .append(&record("a"), 0, &messages(&["x"]))
        .await
        .unwrap();
    let two = store.append(&one, 1, &messages(&["y"])).await.unwrap();
    for version in [0, 1, 3, u64::MAX] {
        let error = store
            .append(&one, version, &messages(&["z"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Conflict);
        let error = store
            .replace(&one, version, &[(0, Message::user("z"))])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Conflict);
    }
    let loaded = store.load(&id("a"), Window::All).await.unwrap().unwrap();
    assert_eq!(loaded.record, two);
    assert_eq!(texts(&loaded.messages), ["x", "y"]);
}

pub(super) async fn of_writes_at_once_one_succeeds(store: &impl StateStore) {
    let mut written = store.append(&record("a"), 0, &[]).await.unwrap();
    for round in 0..10 {
        let turn = messages(&["x", "y"]);
        let writes = (0..8).map(|_| store.append(&written, written.version, &turn));
        let results = futures_util::future::join_all(writes).await;
        let mut won = results.into_iter().filter_map(Result::ok);
        written = won.next().unwrap();
        assert!(won.next().is_none());
        assert_eq!(
            (written.version, written.messages),
            (round + 2, (round + 1) * 2)
        );
    }
    assert_eq!(read(store, "a").await.len(), 20);
}

pub(super) async fn replacing_changes_the_named_messages_only(store: &impl StateStore) {
    let one = store
        .append(&record("a"), 0, &messages(&["a", "b", "c", "d"]))
        .await
        .unwrap();
    store
        .append(&record("b"), 0, &messages(&["a", "b"]))
        .await
        .unwrap();
    let changes = [(1, Message::user("B")), (3, Message::user("D"))];
    let mut given = one.clone();
    given.externalized = 4;
    let two = store.replace(&given, 1, &changes).await.unwrap();
    assert_eq!((two.version, two.messages, two.externalized), (2, 4, 4));
    assert_eq!(read(store, "a").await, ["a", "B", "c", "D"]);
    assert_eq!(read(store, "b").await, ["a", "b"]);
    let error = store
        .replace(&two, 2, &[(0, Message::user("A")), (4, Message::user("E"))])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::NotFound);
    let error = store.replace(&record("nobody"), 0, &[]).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::NotFound);
    let loaded = store.load(&id("a"), Window::All).await.unwrap().unwrap();
    assert_eq!(
        (loaded.record, texts(&loaded.messages)[0].as_str()),
        (two, "a")
    );
}

pub(super) async fn a_tombstone_stops_every_write(store: &impl StateStore) {
    use ConversationStatus as S;
    let one = store
        .append(&record("a"), 0, &messages(&["x"]))
        .await
        .unwrap();
    let marked = store
        .set_status(&id("a"), S::Deleting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((marked.status, marked.version), (S::Deleting, 2));
    for version in [1, 2] {
        let error = store
            .append(&one, version, &messages(&["y"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Conflict);
        let error = store.replace(&one, version, &[]).await.unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Conflict);
    }
    let again = store
        .set_status(&id("a"), S::Active)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again, marked, "nothing leads back");
    assert_eq!(read(store, "a").await, ["x"]);
}

pub(super) async fn statuses_follow_each_other(store: &impl StateStore) {
    use ConversationStatus as S;
    assert!(
        store
            .set_status(&id("nobody"), S::Ended)
            .await
            .unwrap()
            .is_none()
    );
    let mut version = store.append(&record("a"), 0, &[]).await.unwrap().version;
    for status in [S::Ending, S::Ended, S::Active] {
        let next = store.set_status(&id("a"), status).await.unwrap().unwrap();
        version += 1;
        assert_eq!((next.status, next.version), (status, version));
        let loaded = store.load(&id("a"), Window::Record).await.unwrap().unwrap();
        assert_eq!(loaded.record, next);
        // A status is the store's to keep, whatever the writer's record says.
        let mut given = next.clone();
        given.status = S::Deleting;
        let written = store.append(&given, version, &[]).await.unwrap();
        version += 1;
        assert_eq!(written.status, status);
    }
}

pub(super) async fn deleting_removes_everything_and_is_idempotent(store: &impl StateStore) {
    store
        .append(&record("a"), 0, &messages(&["x", "y"]))
        .await
        .unwrap();
    store
        .append(&record("b"), 0, &messages(&["z"]))
        .await
        .unwrap();
    for _ in 0..2 {
        store.delete(&id("a")).await.unwrap();
        assert!(store.load(&id("a"), Window::All).await.unwrap().is_none());
    }
    assert_eq!(read(store, "b").await, ["z"]);
    // The id is free again, and nothing of the old one comes back.
    let one = store
        .append(&record("a"), 0, &messages(&["new"]))
        .await
        .unwrap();
    assert_eq!(
        (one.version, read(store, "a").await),
        (1, vec!["new".to_owned()])
    );
}

pub(super) async fn lists_are_filtered_sorted_and_paged(store: &impl StateStore) {
    let all = ConversationFilter::new;
    let ids = async |filter: ConversationFilter| -> Vec<String> {
        let records = store.list(&filter).await.unwrap();
        records.iter().map(|record| record.id.to_string()).collect()
    };
    assert!(ids(all()).await.is_empty());
    for (n, name) in ["c", "a", "d", "b", "e"].into_iter().enumerate() {
        let user: UserId = format!("user-{}", n % 2).parse().unwrap();
        let session = format!("session-{}", n % 3).parse().unwrap();
        let given = record(name)
            .with_user(Some(user))
            .with_session(Some(session));
        store.append(&given, 0, &messages(&["x"])).await.unwrap();
    }
    store
        .append(&ConversationRecord::new(id("nobody's")), 0, &[])
        .await
        .unwrap();
    let listed = store.list(&all()).await.unwrap();
    assert_eq!(listed.len(), 6);
    assert!(listed.windows(2).all(|two| {
        two[0].updated_at > two[1].updated_at
            || two[0].updated_at == two[1].updated_at && two[0].id < two[1].id
    }));
    let sorted = async |filter| {
        let mut ids = ids(filter).await;
        ids.sort();
        ids.join("")
    };
    let user = || "user-0".parse().unwrap();
    let session = |n: u8| format!("session-{n}").parse().unwrap();
    assert_eq!(sorted(all().with_user(user())).await, "cde");
    assert_eq!(sorted(all().with_session(session(0))).await, "bc");
    assert_eq!(
        sorted(all().with_user(user()).with_session(session(2))).await,
        "d"
    );
    assert_eq!(sorted(all().with_user("nobody".parse().unwrap())).await, "");

    store
        .set_status(&id("c"), ConversationStatus::Deleting)
        .await
        .unwrap();
    store
        .set_status(&id("d"), ConversationStatus::Ending)
        .await
        .unwrap();
    assert_eq!(sorted(all().with_user(user())).await, "de");
    let of = |status| all().with_status(status);
    assert_eq!(sorted(of(ConversationStatus::Deleting)).await, "c");
    assert_eq!(sorted(of(ConversationStatus::Ending)).await, "d");
    assert_eq!(
        sorted(of(ConversationStatus::Active).with_user(user())).await,
        "e"
    );

    let whole = ids(all()).await;
    assert_eq!(whole.len(), 5);
    let (mut filter, mut paged) = (all().with_limit(2), Vec::new());
    loop {
        let page = store.list(&filter).await.unwrap();
        paged.extend(page.iter().map(|record| record.id.to_string()));
        match page.last() {
            Some(last) => filter = filter.with_after(last),
            None => break,
        }
    }
    assert_eq!(paged, whole);
}

pub(super) async fn ids_are_data(store: &impl StateStore) {
    let long = "x".repeat(1024);
    let names = [
        "..",
        "a/b",
        "a:b",
        "{a}",
        "'; DROP TABLE messages; --",
        "a%b",
        "A",
        "a",
        "caf\u{e9}",
        "cafe\u{301}",
        "a\u{0}b",
        "a b",
        &long,
    ];
    for name in names {
        store
            .append(&record(name), 0, &messages(&[name]))
            .await
            .unwrap();
    }
    for name in names {
        assert_eq!(read(store, name).await, [name]);
    }
    store.delete(&id("a")).await.unwrap();
    assert_eq!(read(store, "A").await, ["A"]);
    let left = store.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!(left.len(), names.len() - 1);
}

pub(super) async fn dropped_writes_are_done_or_not_done(store: &impl StateStore) {
    let mut known = store.append(&record("a"), 0, &[]).await.unwrap();
    for times in 0..20 {
        {
            let turn = messages(&["x", "y"]);
            let mut write = pin!(store.append(&known, known.version, &turn));
            for _ in 0..times % 4 {
                let polled = std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx)));
                if polled.await.is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let loaded = store.load(&id("a"), Window::All).await.unwrap().unwrap();
        assert_eq!(loaded.messages.len() as u64, loaded.record.messages);
        assert_eq!(loaded.record.messages, (loaded.record.version - 1) * 2);
        known = loaded.record;
    }
}
