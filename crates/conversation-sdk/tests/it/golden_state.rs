//! State of released versions stays readable, and is written as it was.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use conversation_sdk::{ConversationRecord, ConversationStatus, Message, Role};

const RECORD: &str = include_str!("../golden/state-1/record.json");
const MESSAGES: &str = include_str!("../golden/state-1/messages.jsonl");

#[test]
fn a_record_reads_and_is_written_the_same() {
    let record: ConversationRecord = serde_json::from_str(RECORD).unwrap();
    assert_eq!(
        (record.version, record.messages, record.externalized),
        (7, 4, 4)
    );
    assert_eq!(record.status, ConversationStatus::Active);
    assert_eq!(record.pack.as_ref().unwrap().prompt(), "image-generator");
    assert_eq!(serde_json::to_string(&record).unwrap(), RECORD.trim_end());
    // What older writers left out has its default.
    let least =
        r#"{"id":"c","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}"#;
    let record: ConversationRecord = serde_json::from_str(least).unwrap();
    assert_eq!((record.version, record.externalized), (0, 0));
}

#[test]
fn messages_read_and_are_written_the_same() {
    let roles: Vec<Role> = MESSAGES
        .lines()
        .map(|line| {
            let message: Message = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), line);
            message.role
        })
        .collect();
    assert_eq!(
        roles,
        [Role::User, Role::Assistant, Role::Tool, Role::Assistant]
    );
}
