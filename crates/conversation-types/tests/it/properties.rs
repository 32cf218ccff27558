use conversation_types::{Message, Role};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop_oneof![
                    Just("type".to_owned()),
                    Just("text".to_owned()),
                    Just("role".to_owned()),
                    Just("content".to_owned()),
                    Just("created_at".to_owned()),
                    ".{0,8}"
                ],
                inner,
                0..5
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_reads_and_is_kept(value in value()) {
        let text = value.to_string();
        let message: Message = serde_json::from_str(&text).unwrap();
        let written = serde_json::to_string(&message).unwrap();
        if message.role == Role::Unknown {
            prop_assert_eq!(&written, &text);
        }
        let again: Message = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), written);
    }

    #[test]
    fn any_part_of_a_message_is_kept(part in value()) {
        let json = json!({"id": "m", "role": "user", "content": [part], "created_at": "2026-01-02T03:04:05.000Z"});
        let text = json.to_string();
        let message: Message = serde_json::from_str(&text).unwrap();
        let written: Value = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
        prop_assert_eq!(written, json);
    }
}
