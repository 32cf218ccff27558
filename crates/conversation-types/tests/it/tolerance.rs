use conversation_types::{Message, MessageId, Part, Role, ToolCall};

fn round_trip(json: &str) -> Message {
    let message: Message = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&message).unwrap(), json);
    message
}

#[test]
fn unknown_fields_of_messages_parts_and_calls_are_kept_byte_for_byte() {
    let message = round_trip(concat!(
        r#"{"id":"msg-1","turn":"turn-1","role":"assistant","content":["#,
        r#"{"type":"text","text":"a","cache":{"b":1, "a":1e400}},"#,
        r#"{"type":"reasoning","text":"","api":"anthropic","opaque":{"json":{"signature" : "x"}},"later":[1 ,2]},"#,
        r#"{"type":"opaque","api":"openai","item":{"json":{"z":1,"a":2}}},"#,
        r#"{"type":"omitted","name":"a.png","media_type":"image","mime_type":"image/png","size":3,"reason":"moon_phase","x":null}"#,
        r#"],"tool_calls":[{"id":"c","name":"f","arguments":"{}","provider_data":{"gemini":{"json":"sig"}},"index":0}],"#,
        r#""created_at":"2026-01-02T03:04:05.678Z","planet":"mars"}"#
    ));
    assert_eq!(message.extra.get("planet").unwrap().get(), r#""mars""#);
    assert_eq!(message.tool_calls[0].extra.len(), 1);
    let Part::Text(text) = &message.content[0] else {
        panic!("{:?}", message.content[0]);
    };
    assert_eq!(
        text.extra.get("cache").unwrap().get(),
        r#"{"b":1, "a":1e400}"#
    );
}

#[test]
fn what_cannot_be_read_becomes_unknown_and_is_kept_byte_for_byte() {
    for json in [
        r#"{"role":"hologram","content":[ ]}"#,
        r#"{"role":"user","content":17,"created_at":"2026-01-02T03:04:05Z"}"#,
        r#"{"role":"user"}"#,
        r#"[1 ,2]"#,
        r#""text""#,
        r#"{"role":"user","status":"eaten","content":[],"created_at":"2026-01-02T03:04:05Z"}"#,
    ] {
        let message = round_trip(json);
        assert_eq!(message.role, Role::Unknown, "{json}");
        assert!(message.unreadable_reason().is_some(), "{json}");
    }
    let message = round_trip(
        r#"{"id":"m","role":"user","content":[{"type":"text"},{"type":"image","mime_type":"image/png"},17,{"type":"omitted"}],"created_at":"2026-01-02T03:04:05.000Z"}"#,
    );
    let unknown = |part: &&Part| matches!(part, Part::Unknown(_));
    assert_eq!(message.content.iter().filter(unknown).count(), 4);
}

#[test]
fn messages_of_version_0_1_are_read() {
    let json = r#"{"role":"assistant","content":"plain","tool_calls":[{"id":"c","name":"f","arguments":"{}","provider_data":{"thought_signature":"s"}}],"created_at":"2026-01-02T03:04:05.123456Z","usage":{"input_tokens":3,"output_tokens":4}}"#;
    let message: Message = serde_json::from_str(json).unwrap();
    assert_eq!(message.text(), "plain");
    assert_eq!(message.usage.unwrap().output_tokens, 4);
    assert_eq!(MessageId::at_position(7).as_str(), "m-7");
    assert_eq!(message.tool_calls[0].extra.len(), 1);
    let again: Message = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
    assert_eq!(again, message);
}

#[test]
fn halves_of_utf_16_pairs_become_replacement_characters() {
    let json = r#"{"role":"user","content":[{"type":"text","text":"a\ud83d"},{"type":"text","text":"\u0000"}],"tool_calls":[{"id":"1","name":"f","arguments":"\ude00"}],"created_at":"2026-01-02T03:04:05Z"}"#;
    let message: Message = serde_json::from_str(json).unwrap();
    assert_eq!(message.text(), "a\u{fffd}\n\0");
    assert_eq!(message.tool_calls[0].arguments, "\u{fffd}");
}

#[test]
fn debug_prints_sizes_only() {
    let mut message = Message::user("a secret");
    message.tool_calls = vec![ToolCall::new("c", "f", "a secret")];
    message.content.push(Part::reasoning("a secret", None));
    let debug = format!("{message:?}");
    assert!(!debug.contains("secret"), "{debug}");
    assert!(debug.contains("8 bytes"), "{debug}");
}
