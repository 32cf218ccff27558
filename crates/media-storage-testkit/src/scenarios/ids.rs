//! Ids are data.

use media_storage::{MediaMetadata, MediaStorage, MediaStorageExt as _, RetrieveOptions, Scope};

use crate::backend::AnyBackend;
use crate::fixture::{about, conversation, holds, is_not_found, listed, noise, open, put};

fn hostile_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "plain",
        "..",
        ".",
        "../..",
        "../../etc/passwd",
        "/",
        "/abs",
        "a/b",
        "a\\b",
        "a//b",
        "a/",
        "a",
        "a.",
        "a ",
        " a",
        " ",
        "A",
        "aA",
        "Aa",
        "%",
        "%2E%2E",
        "%2e%2e",
        "a%2Fb",
        "50%",
        "~",
        "~a",
        "-rf",
        "*",
        "?",
        "a:b",
        "C:\\x",
        "\0",
        "a\0b",
        "\n",
        "\u{1b}[31m",
        ".store",
        ".dedup-index.json",
        "CON",
        "con",
        "nul.txt",
        "COM1",
        "lpt9.a.b",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{1f600}",
        "\u{202e}txt",
        "x.png.meta",
        "'; DROP TABLE media; --",
    ]
    .map(str::to_owned)
    .into();
    let long = "l".repeat(299);
    ids.extend([format!("{long}1"), format!("{long}2"), "L".repeat(300)]);
    ids.extend(["\u{e9}".repeat(150), "/".repeat(300), "m".repeat(1024)]);
    ids
}

/// Ids with slashes, dots, blanks, percent signs, control characters, device names, 300
/// characters, and ids that differ in case or in Unicode form only: none clashes with another,
/// none escapes, all come back.
pub async fn hostile_ids_are_data(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let mut stored = Vec::new();
    let every = if backend.is_slow() { 4 } else { 1 };
    for (seed, id) in hostile_ids().into_iter().step_by(every).enumerate() {
        let bytes = noise(seed as u64, 50);
        let metadata = MediaMetadata::new()
            .with_run(id.parse().unwrap())
            .with_session(id.parse().unwrap())
            .with_conversation(id.parse().unwrap())
            .with_user(id.parse().unwrap());
        let reference = put(&store, &bytes, metadata).await;
        stored.push((id, reference, bytes));
    }
    let store = open(backend).await;
    for (at, (id, reference, bytes)) in stored.iter().enumerate() {
        holds(&store, reference, bytes).await;
        let other = match at % 3 {
            0 => Scope::Run(id.parse().unwrap()),
            1 => Scope::Session(id.parse().unwrap()),
            _ => Scope::User(id.parse().unwrap()),
        };
        for scope in [conversation(id), other] {
            let options = RetrieveOptions::new().with_head();
            let options = options.with_expected_scope(scope);
            let head = store.retrieve_opts(reference, options).await.unwrap();
            assert_eq!(head.metadata.run().unwrap().as_str(), id);
        }
    }
    let scenario = "hostile_ids_are_data";
    for (at, (id, reference, _)) in stored.iter().enumerate() {
        let Some(entries) = listed(&store, conversation(id), scenario).await else {
            return;
        };
        let ids: Vec<_> = entries.iter().map(|entry| entry.reference.id()).collect();
        assert_eq!(ids, [reference.id()], "in the scope of {id:?}");
        let inventory = store.inventory().unwrap();
        let report = inventory.delete_scope(conversation(id)).await.unwrap();
        assert_eq!(report.deleted, 1, "in the scope of {id:?}");
        is_not_found(&store, reference).await;
        if let Some((_, next, bytes)) = stored.get(at + 1) {
            holds(&store, next, bytes).await;
        }
    }
}

/// Media without ids that its place does not need, and with all of them, is stored.
pub async fn ids_with_one_conversation_share_it(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let (a, b) = (noise(1, 50), noise(2, 50));
    let one = put(&store, &a, about("conv-1").with_message_index(1)).await;
    let two = put(&store, &b, about("conv-1").with_message_index(2)).await;
    let scenario = "ids_with_one_conversation_share_it";
    if let Some(entries) = listed(&store, conversation("conv-1"), scenario).await {
        let mut indices: Vec<_> = entries.iter().map(|e| e.metadata.message_index()).collect();
        indices.sort_unstable();
        assert_eq!(indices, [Some(1), Some(2)]);
    }
    store.delete(&one).await.unwrap();
    holds(&store, &two, &b).await;
}
