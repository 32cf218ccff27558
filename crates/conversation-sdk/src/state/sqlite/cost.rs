//! What a turn costs the database, counted in the steps that it takes.

use rusqlite::StatementStatus as Status;

use super::*;
use crate::message::Role;

/// The steps of every statement that a turn runs, and those that looked at rows one after the other.
async fn steps(store: &SqliteStateStore) -> Vec<(i32, i32)> {
    let read = store.with(|connection, failures| {
        let mut all = Vec::new();
        for text in [FIND, READ, ADD] {
            // The statement that the store itself has run.
            let statement = failures.map(connection.prepare_cached(text))?;
            let count = |what| statement.reset_status(what);
            all.push((count(Status::VmStep), count(Status::FullscanStep)));
        }
        Ok(all)
    });
    read.await.unwrap()
}

#[tokio::test]
async fn the_steps_of_a_turn_are_the_same_after_ten_thousand() {
    let store = SqliteStateStore::in_memory().await.unwrap();
    // Others have a history too.
    for name in ["conv-0", "conv-2"] {
        let other = ConversationRecord::new(name.parse().unwrap());
        store.append(&other, 0, &turns(500)).await.unwrap();
    }
    let mut record = ConversationRecord::new("conv-1".parse().unwrap());
    let mut costs = Vec::new();
    for length in [20_u64, 20_000] {
        while record.messages < length {
            let some = turns((length - record.messages).min(1000) / 2);
            record = store.append(&record, record.version, &some).await.unwrap();
        }
        steps(&store).await;
        let loaded = store.load(&record.id, Window::Newest(20)).await.unwrap();
        assert_eq!(loaded.unwrap().messages.len(), 20);
        record = store
            .append(&record, record.version, &turns(1))
            .await
            .unwrap();
        costs.push(steps(&store).await);
    }
    println!("steps of finding, reading and adding, and of scans: {costs:?}");
    assert_eq!(costs[0], costs[1]);
    assert!(
        costs[0]
            .iter()
            .all(|(steps, scanned)| *steps > 0 && *scanned == 0),
        "{costs:?}"
    );
    assert!(
        costs[0].iter().map(|(steps, _)| steps).sum::<i32>() < 1000,
        "{costs:?}"
    );
}

fn turns(count: u64) -> Vec<Message> {
    (0..count)
        .flat_map(|n| {
            let answer = Message::new(Role::Assistant, vec![format!("answer {n}").into()]);
            [Message::user(format!("question {n}")), answer]
        })
        .collect()
}
