//! Our requests against the published schema of the API.

use std::collections::BTreeMap;
use std::sync::Mutex;

use conversation_providers::{ImageGenerator, ImageRequest, ProviderRequest, ResponseMode};
use serde_json::{Value, json};

use super::peer::{Act, Peer};
use super::wire::{golden_messages, golden_parameters, golden_tools};
use super::*;

/// The schema of one component, or nothing, loudly, where the documents are not at hand.
fn schema(component: &str) -> Option<jsonschema::Validator> {
    schema_with(component, true)
}

/// The same, which allows fields that it does not name or does not.
fn schema_with(component: &str, more_fields: bool) -> Option<jsonschema::Validator> {
    let Some(folder) = std::env::var_os("CONTRACT_DATA") else {
        eprintln!("NOT RUN: CONTRACT_DATA does not say where the API's schema is");
        return None;
    };
    let path = std::path::Path::new(&folder).join("openai/openapi.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    without_nullable(&mut document);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{component}"),
        "unevaluatedProperties": more_fields,
        "components": {"schemas": document["components"]["schemas"]}
    });
    Some(jsonschema::validator_for(&schema).unwrap())
}

/// `nullable: true` is a word of older documents; JSON Schema says it by a choice. And choices that
/// are told apart by a discriminator overlap without it: one or more may fit.
fn without_nullable(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nullable);
            if fields.contains_key("discriminator")
                && let Some(choices) = fields.remove("oneOf")
            {
                fields.insert("anyOf".to_owned(), choices);
            }
            if fields.remove("nullable") == Some(Value::Bool(true)) {
                let inner = std::mem::take(fields);
                fields.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_nullable),
        _ => {}
    }
}

/// Checks a body against a component of the schema, where that is at hand.
pub(crate) fn conforms(component: &str, body: &Value) {
    /// Reading the documents takes longer than all checks.
    static READ: Mutex<BTreeMap<String, Option<Arc<jsonschema::Validator>>>> =
        Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap();
    let of = read.entry(component.to_owned());
    let of = of
        .or_insert_with(|| schema(component).map(Arc::new))
        .clone();
    drop(read);
    if let Some(schema) = of {
        check(&schema, body);
    }
}

fn check(schema: &jsonschema::Validator, body: &Value) {
    let complaints: Vec<String> = schema
        .iter_errors(body)
        .map(|error| format!("{}: {}", error.instance_path(), error.masked()))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test]
async fn chat_requests_conform() {
    let Some(schema) = schema("CreateChatCompletionRequest") else {
        return;
    };
    assert!(!schema.is_valid(&json!({"model": "m", "messages": [{"role": "nobody"}]})));
    let recorded = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/openai/chat_multimodal_tools.json"
    ));
    let recorded: Value = serde_json::from_str(&recorded.unwrap()).unwrap();
    let mut messages = golden_messages(&recorded["body"]);
    messages.push(Message::tool("call_2", vec![Part::Media(inline_png(b"x"))]));
    messages.push(assistant("done"));
    messages.push(user(""));
    let tools = golden_tools();
    for model in ["gpt-4o", "gpt-5.4-mini"] {
        for mode in [ResponseMode::Complete, ResponseMode::Streaming] {
            let peer = Peer::start([Act::json(200, &hello())]).await;
            let provider = OpenAiProvider::new(KEY, model).with_base_url(peer.url());
            let request = ProviderRequest::new(&messages)
                .with_system(Some("sys"))
                .with_tools(&tools)
                .with_parameters(golden_parameters())
                .with_mode(mode);
            answer(&provider, request, &no_storage()).await.unwrap();
            check(&schema, &peer.only().json());
        }
    }
}

#[tokio::test]
async fn image_requests_conform() {
    let Some(schema) = schema("CreateImageRequest") else {
        return;
    };
    assert!(!schema.is_valid(&json!({"model": "m"})));
    let picture = json!({"created": 1, "data": [{"b64_json": "AAAA"}]});
    let peer = Peer::start([Act::json(200, &picture), Act::json(200, &picture)]).await;
    for model in ["gpt-image-1-mini", "dall-e-3"] {
        let request = ImageRequest::new("a cat")
            .with_count(1)
            .with_size("1024x1024")
            .with_quality("low")
            .with_parameter("output_format", "png");
        images(&peer, model).generate(request).await.unwrap();
    }
    for sent in peer.received() {
        check(&schema, &sent.json());
    }
}

/// The fields of a form as JSON: a name with brackets is a list, and a text that says a number or a
/// truth value is one.
fn fields_of_form(body: &[u8], kind: &str) -> Value {
    let (_, boundary) = kind.split_once("boundary=").unwrap();
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let mut fields = serde_json::Map::new();
    for part in text.split(&format!("--{boundary}")) {
        // Before the first part and behind the last there is nothing.
        let Some((head, value)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let name = head.split('"').nth(1).unwrap();
        let value = value.strip_suffix("\r\n").unwrap();
        let said = serde_json::from_str(value).ok();
        let said = said.filter(|said: &Value| !head.contains("filename=") && !said.is_object());
        let value = said.unwrap_or_else(|| value.into());
        match name.strip_suffix("[]") {
            Some(name) => {
                let list = fields.entry(name).or_insert_with(|| json!([]));
                list.as_array_mut().unwrap().push(value);
            }
            None => assert!(fields.insert(name.to_owned(), value).is_none(), "{name}"),
        }
    }
    Value::Object(fields)
}

#[tokio::test]
async fn edits_of_images_conform() {
    let Some(schema) = schema_with("CreateImageEditRequest", false) else {
        return;
    };
    let least = json!({"prompt": "x", "image": ["bytes"]});
    assert!(schema.is_valid(&least));
    for (name, value) in [
        ("n", json!("two")),
        ("stream", json!("yes")),
        ("image", json!(1)),
        ("nobody", json!("x")),
    ] {
        let mut wrong = least.clone();
        wrong[name] = value;
        assert!(!schema.is_valid(&wrong), "{name}");
    }
    let picture = json!({"created": 1, "data": [{"b64_json": "AAAA"}]});
    let event = "data: {\"type\":\"image_edit.completed\",\"b64_json\":\"AAAA\"}\n\n";
    let peer = Peer::start([Act::json(200, &picture), Act::events(event, 50)]).await;
    for mode in [ResponseMode::Complete, ResponseMode::Streaming] {
        let request = ImageRequest::new("a cat")
            .with_count(1)
            .with_size("1024x1024")
            .with_quality("low")
            .with_parameter("input_fidelity", "low")
            .with_parameter("output_format", "webp")
            .with_parameter("output_compression", 80)
            .with_parameter("background", "opaque")
            .with_partial_images(2, |_| {})
            .with_image(inline_png(b"one"))
            .with_image(inline_png(b"two"))
            .with_mask(inline_png(b"mask"));
        let images = images(&peer, "gpt-image-1").with_mode(mode);
        images.generate(request).await.unwrap();
    }
    let sent: Vec<Value> = peer
        .received()
        .iter()
        .map(|sent| fields_of_form(&sent.body, sent.header("content-type").unwrap()))
        .collect();
    for (sent, fields) in sent.iter().zip([11, 13]) {
        check(&schema, sent);
        assert_eq!(sent.as_object().unwrap().len(), fields, "{sent}");
        assert_eq!(sent["image"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn responses_requests_conform() {
    use conversation_providers::Capabilities;
    use conversation_providers::{ApiFormat, body::RequestBody};
    use conversation_types::ToolChoice;
    use futures_util::TryStreamExt;

    let Some(schema) = schema("CreateResponse") else {
        return;
    };
    assert!(!schema.is_valid(&json!({"input": [{"role": "nobody", "content": 1}]})));
    let of_client = include_str!("../../golden/openai/responses_multimodal.json");
    let of_client: Value = serde_json::from_str(of_client).unwrap();
    check(&schema, &of_client["body"]);
    let recorded = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/openai/chat_multimodal_tools.json"
    ));
    let recorded: Value = serde_json::from_str(&recorded.unwrap()).unwrap();
    let mut messages = golden_messages(&recorded["body"]);
    messages.push(Message::tool(
        "call_2",
        vec![Part::from("see"), Part::Media(inline_png(b"x"))],
    ));
    let mut painted = assistant("done");
    painted.content.push(Part::Media(inline_png(b"y")));
    messages.push(painted);
    messages.push(user(""));
    let tools = golden_tools();
    let format = ApiFormat::OPENAI_RESPONSES;
    let api = Capabilities::builtin()
        .api(format.capability_name())
        .unwrap();
    for choice in [ToolChoice::Auto, ToolChoice::Required, ToolChoice::None] {
        let parameters = json!({"max_tokens": 500, "temperature": 0.7,
            "tools": [{"type": "image_generation"}]});
        let request = ProviderRequest::new(&messages)
            .with_system(Some("sys"))
            .with_tools(&tools)
            .with_tool_choice(choice)
            .with_parameters(parameters.as_object().unwrap().clone())
            .with_mode(ResponseMode::Streaming);
        let body = RequestBody::new(format, "gpt-4o", &request, &api, &no_storage()).await;
        let pieces: Vec<_> = body.unwrap().stream().try_collect().await.unwrap();
        check(&schema, &serde_json::from_slice(&pieces.concat()).unwrap());
    }
}
