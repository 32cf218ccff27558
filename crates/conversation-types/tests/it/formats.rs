use conversation_types::{Message, OpaqueData, Part, ProviderData, RawJson, TextPart, ToolCall};
use media_types::{MediaContent, Mime};

fn sample() -> Message {
    let signature = RawJson::from_text(r#"{"b":1,"a":[null,true,2.5,"x"]}"#).unwrap();
    let data = ProviderData::new().with("gemini", signature.clone());
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, b"png".to_vec());
    let mut message = Message::assistant(vec![
        Part::Text(TextPart::new("hi").with_provider_data(data.clone())),
        Part::Media(data.attach_to(image)),
        Part::reasoning(
            "why",
            Some(("anthropic".into(), OpaqueData::Json(signature.clone()))),
        ),
        Part::opaque("openai", signature.clone()),
    ]);
    message.tool_calls = vec![ToolCall::new("c", "f", "{}").with_provider_data(data)];
    message.extra.insert("later", signature);
    message
}

/// The same message with its raw JSON spelled by serde_json.
fn respelled(message: &Message) -> String {
    serde_json::to_value(message).unwrap().to_string()
}

#[test]
fn values_and_binary_formats_carry_messages() {
    let message = sample();
    let value = serde_json::to_value(&message).unwrap();
    let from_value: Message = serde_json::from_value(value).unwrap();
    assert_eq!(respelled(&from_value), respelled(&message));

    let mut cbor = Vec::new();
    ciborium::into_writer(&message, &mut cbor).unwrap();
    let from_cbor: Message = ciborium::from_reader(cbor.as_slice()).unwrap();
    assert_eq!(respelled(&from_cbor), respelled(&message));
}

#[test]
fn json_text_is_kept_exactly() {
    let message = sample();
    let json = serde_json::to_vec(&message).unwrap();
    let read: Message = serde_json::from_slice(&json).unwrap();
    assert_eq!(read, message);
    assert_eq!(serde_json::to_vec(&read).unwrap(), json);
    let media = read.media().next().unwrap();
    assert!(ProviderData::of_media(media).get("gemini").is_some());
}
