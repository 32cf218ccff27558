//! Media in the results of tools, in the shapes of other programs.

use conversation_types::{Message, Part, Role};
use serde_json::json;

use super::support::{
    KIB, bytes_of, count, externalized, png, png_base64, png_bytes, references_in, shown,
};

const BIG: usize = 120 * KIB;

/// Every shape that holds this base64, with whether the object is replaced as a whole.
fn shapes(data: &str) -> Vec<serde_json::Value> {
    let uri = format!("data:image/png;base64,{data}");
    vec![
        json!({"type": "image", "mime_type": "image/png", "data": data}),
        json!({"type": "image", "data": data, "mimeType": "image/png"}),
        json!({"type": "image", "data": data, "mimeType": "image/png", "annotations": {"audience": ["user"], "priority": 0.5}}),
        json!({"type": "image", "data": data}),
        json!({"type": "resource", "resource": {"uri": "file:///a/photo.png", "mimeType": "image/png", "blob": data}}),
        json!({"uri": "file:///a/photo.png", "blob": data}),
        json!({"type": "image_url", "image_url": {"url": uri, "detail": "high"}}),
        json!({"type": "image_url", "image_url": uri}),
        json!({"type": "input_image", "image_url": uri}),
        json!({"type": "file", "file": {"file_data": uri, "filename": "photo.png"}}),
        json!({"type": "input_file", "file_data": uri, "filename": "photo.png"}),
        json!({"b64_json": data}),
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}),
        json!({"inlineData": {"mimeType": "image/png", "data": data}}),
        json!({"inline_data": {"mime_type": "image/png", "data": data}}),
        json!({"mimeType": "image/png", "data": data}),
    ]
}

#[tokio::test]
async fn every_shape_in_json_text_becomes_media_with_the_text_around_it() {
    for shape in shapes(&png_base64(1, BIG)) {
        for (before, after) in [
            ("", ""),
            ("[1, ", ", {\"n\": 1.50}]"),
            (
                "{\"content\":[{\"type\":\"text\",\"text\":\"here \\\"it\\\" is\"},",
                "],\"isError\":false}",
            ),
            ("Result: {\"deep\":{\"er\":[[", "]]}} and more"),
            ("{ not json } {\"a\":", "}"),
        ] {
            let text = format!("{before}{shape}{after}");
            let (store, message) = externalized(Role::Tool, vec![text.clone().into()]).await;
            let around: Vec<_> = shown(&message);
            let mut expected = vec![before, "<image/png stored>", after];
            expected.retain(|text| !text.is_empty());
            assert_eq!(around, expected, "{}", cut(&shape.to_string()));
            let media = message
                .content
                .iter()
                .find(|part| part.as_media().is_some())
                .unwrap();
            assert_eq!(bytes_of(&store, media).await, png_bytes(1, BIG));
            assert_eq!(count(&store).await, 1);
            let size = serde_json::to_string(&message).unwrap().len();
            assert!(size < KIB + text.len() - shape.to_string().len(), "{size}");
        }
    }
}

#[tokio::test]
async fn the_same_shapes_as_parts_of_a_tool_result_reach_the_model() {
    for shape in shapes(&png_base64(2, BIG)) {
        let parts: Vec<Part> = serde_json::from_value(
            json!([{"type": "text", "text": "a"}, shape, {"type": "text", "text": "b"}]),
        )
        .unwrap();
        let (store, message) = externalized(Role::Tool, parts).await;
        assert_eq!(
            shown(&message),
            ["a", "<image/png stored>", "b"],
            "{}",
            cut(&shape.to_string())
        );
        assert_eq!(
            bytes_of(&store, &message.content[1]).await,
            png_bytes(2, BIG)
        );
    }
}

#[tokio::test]
async fn small_media_in_a_shape_becomes_an_inline_part() {
    let data = png_base64(3, 2 * KIB);
    for shape in shapes(&data) {
        let (store, message) = externalized(Role::Tool, vec![shape.to_string().into()]).await;
        assert_eq!(
            shown(&message),
            ["<image/png inline>"],
            "{}",
            cut(&shape.to_string())
        );
        assert_eq!(
            bytes_of(&store, &message.content[0]).await,
            png_bytes(3, 2 * KIB)
        );
        assert_eq!(count(&store).await, 0);
    }
}

#[tokio::test]
async fn an_object_that_says_more_loses_only_its_bytes() {
    let data = png_base64(4, BIG);
    let shape = json!({"type": "image", "data": data, "mimeType": "image/png", "description": "a red \"sun\""});
    let (_, message) = externalized(Role::Tool, vec![shape.to_string().into()]).await;
    assert_eq!(
        shown(&message).concat(),
        shape.to_string().replace(&data, "<image/png stored>")
    );
    // A wrapper that says more stays around its media.
    let inner = json!({"mimeType": "image/png", "data": data});
    let text = format!(r#"{{"inlineData":{inner},"text":"words"}}"#);
    let (_, message) = externalized(Role::Tool, vec![text.clone().into()]).await;
    assert_eq!(
        shown(&message).concat(),
        text.replace(&inner.to_string(), "<image/png stored>")
    );
}

#[tokio::test]
async fn audio_and_documents_are_typed_and_named() {
    let wav = super::support::typed_bytes(b"RIFF\0\0\0\0WAVEfmt ", 1, BIG);
    let data = media_types::base64::encode(&wav);
    let pdf = media_types::base64::encode(&super::support::typed_bytes(b"%PDF-1.7\n", 1, BIG));
    for (shape, mime, name) in [
        (
            json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}),
            "audio/wav",
            None,
        ),
        (
            json!({"type": "audio", "data": data, "mimeType": "audio/wav"}),
            "audio/wav",
            None,
        ),
        (
            json!({"type": "document", "title": "report.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}}),
            "application/pdf",
            Some("report.pdf"),
        ),
        (
            json!({"type": "resource", "resource": {"uri": "file:///tmp/a/report.pdf?x", "mimeType": "application/pdf", "blob": pdf}}),
            "application/pdf",
            Some("report.pdf"),
        ),
    ] {
        let (_, message) = externalized(Role::Tool, vec![shape.to_string().into()]).await;
        let content = message.content[0].as_media().unwrap();
        assert_eq!(content.mime().as_str(), mime);
        assert_eq!(content.filename(), name);
    }
}

#[tokio::test]
async fn several_media_keep_their_order() {
    let (a, b) = (png_base64(5, BIG), png_base64(6, BIG));
    let text = format!(
        r#"{{"content":[{{"type":"image","data":"{a}","mimeType":"image/png"}},{{"type":"text","text":"and ![x](data:image/png;base64,{b}) too"}},{{"type":"image","data":"{b}","mimeType":"image/png"}}]}}"#
    );
    let (store, message) = externalized(Role::Tool, vec![text.into()]).await;
    assert_eq!(
        shown(&message),
        [
            r#"{"content":["#,
            "<image/png stored>",
            r#",{"type":"text","text":"and ![x]"#,
            "<image/png stored>",
            r#" too"},"#,
            "<image/png stored>",
            "]}"
        ]
    );
    assert_eq!(
        bytes_of(&store, &message.content[1]).await,
        png_bytes(5, BIG)
    );
    assert_eq!(
        bytes_of(&store, &message.content[3]).await,
        png_bytes(6, BIG)
    );
    assert_eq!(count(&store).await, 3);
}

#[tokio::test]
async fn json_in_strings_of_json_is_looked_through() {
    let data = png_base64(7, BIG);
    let escaped = data.replace('/', "\\/");
    let mut json = format!(
        r#"{{"content":[{{"type":"text","text":"\u00e9 \ud83d\ude00 \"q\""}},{{"type":"image","data":"{escaped}","mimeType":"image/png"}}]}}"#
    );
    for level in 0..3 {
        for part in [
            Part::text(json.clone()),
            serde_json::from_str(&format!(
                r#"{{"type":"mcp_tool_result","result":{}}}"#,
                json!(json)
            ))
            .unwrap(),
        ] {
            if level == 2 && matches!(part, Part::Unknown(_)) {
                continue;
            }
            let whole = match &part {
                Part::Unknown(unknown) => unknown.json().get().to_owned(),
                part => part.as_text().unwrap().to_owned(),
            };
            let (store, message) = externalized(Role::Tool, vec![part]).await;
            let shown = shown(&message);
            assert_eq!(shown.len(), 3, "level {level}");
            assert_eq!(shown[1], "<image/png stored>");
            assert!(whole.starts_with(&shown[0]) && whole.ends_with(&shown[2]));
            assert!(shown[0].ends_with(','), "{}", shown[0]);
            assert!(shown[2].starts_with(']'), "{}", shown[2]);
            assert_eq!(
                bytes_of(&store, &message.content[1]).await,
                png_bytes(7, BIG)
            );
        }
        json = format!(r#"{{"a":[1,{}]}}"#, json!(json));
    }
}

#[tokio::test]
async fn what_only_looks_like_media_stays() {
    for text in [
        r#"{"type":"text","data":"test","mimeType":"text/plain"}"#,
        r#"{"type":"image","data":"no base64!","mimeType":"image/png"}"#,
        r#"{"blob":"da39a3ee5e6b4b0d3255bfef95601890afd80709","path":"a"}"#,
        r#"{"mime_type":"text/plain","data":"test"}"#,
        r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}"#,
        r#"{"url":"https://example.com","source":"web","file":"a.txt","data":"abcd"}"#,
        r#"{"type":"image","data":"","mimeType":"image/png"}"#,
        r#"{"b64_json":"abcd"}"#,
        r#"{"inlineData":{"mimeType":"image/png","data":"#,
    ] {
        let (store, message) = externalized(Role::Tool, vec![text.into()]).await;
        assert_eq!(shown(&message), [text]);
        assert_eq!(count(&store).await, 0);
    }
}

#[tokio::test]
async fn shapes_are_looked_for_in_the_results_of_tools_alone() {
    let shape = json!({"type": "image", "data": png_base64(7, BIG), "mimeType": "image/png"});
    for role in [Role::User, Role::Assistant, Role::System] {
        let (_, message) = externalized(role, vec![shape.to_string().into()]).await;
        assert_eq!(shown(&message), [shape.to_string()]);
    }
}

#[tokio::test]
async fn our_own_objects_in_unknown_parts_are_replaced_inside() {
    let object = serde_json::to_string(&png(8, 130 * KIB).with_width(7)).unwrap();
    let json = format!(
        r#"{{"type":"tool_result", "n":1.50,"content":[{object}, {{"type":"text","text":"x"}},[ 1 ,2]]}}"#
    );
    for role in [Role::Tool, Role::User, Role::Assistant] {
        let part: Part = serde_json::from_str(&json).unwrap();
        assert!(matches!(part, Part::Unknown(_)));
        let (store, message) = externalized(role, vec![part]).await;
        let [Part::Unknown(unknown)] = message.content.as_slice() else {
            panic!("the part changed its kind: {message:?}");
        };
        let new = unknown.json().get();
        let (before, after) = json.split_once(&object).unwrap();
        let inside = new
            .strip_prefix(before)
            .unwrap()
            .strip_suffix(after)
            .unwrap();
        assert!(
            inside.contains("storage_reference") && inside.contains("\"width\":7"),
            "{inside}"
        );
        assert_eq!(count(&store).await, 1);
        assert_eq!(references_in(&message), 1);
    }
}

#[tokio::test]
async fn messages_that_cannot_be_read_stay_byte_for_byte() {
    let object = serde_json::to_string(&png(9, 200 * KIB)).unwrap();
    let json = format!(r#"{{"role":"robot","created_at":"never","content":[{object}]}}"#);
    let message: Message = serde_json::from_str(&json).unwrap();
    assert_eq!(message.role, Role::Unknown);
    let (store, message) = {
        let store = media_storage::InMemoryStorage::new();
        let externalizer = super::support::externalizer(store.clone(), Default::default());
        let mut messages = [message];
        super::support::run(&externalizer, crate::BatchKind::Answer, &mut messages).await;
        let [message] = messages;
        (store, message)
    };
    assert_eq!(serde_json::to_string(&message).unwrap(), json);
    assert_eq!(count(&store).await, 0);
}

fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}
