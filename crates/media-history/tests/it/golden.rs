//! Histories of real libraries: which paths are replaced, and which are not.

use std::path::PathBuf;

use media_history::{LeftReason, MediaClass, Slim};
use media_storage::{InMemoryStorage, Scope};

use crate::basics::history;

/// Where the recorded histories are; `None` is said loudly.
fn recorded(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("CONTRACT_DATA") else {
        eprintln!("NOT RUN: CONTRACT_DATA does not say where the recorded histories are");
        return None;
    };
    let path = PathBuf::from(folder).join("histories").join(name);
    Some(std::fs::read(path).unwrap())
}

/// A history of this repository.
fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    std::fs::read(folder.join(name)).unwrap()
}

/// Externalizes all that is found, restores it, and checks what holds for every history.
async fn slim(text: &[u8]) -> Slim {
    let store = InMemoryStorage::new();
    let history = history(&store)
        .with_scope(Scope::User("user".parse().unwrap()))
        .with_threshold_kb(0)
        .with_short_values(true);
    let slim = history.externalize(text).await.unwrap();
    assert_eq!(history.restore(slim.bytes()).await.unwrap(), text);
    let again = history.externalize(slim.bytes()).await.unwrap();
    assert_eq!(again.bytes(), slim.bytes());
    assert_eq!(again.report().values, []);
    slim
}

/// The paths that must be replaced with their types, and those that look like media and must stay.
async fn check(name: &str, text: &[u8], replaced: &[(&str, &str)], left: &[(&str, LeftReason)]) {
    let slim = slim(text).await;
    let report = slim.report();
    let found: Vec<_> = report
        .values
        .iter()
        .map(|value| (value.path.as_str(), value.mime.as_str()))
        .collect();
    assert_eq!(found, replaced, "{name}");
    let found: Vec<_> = report
        .left
        .iter()
        .map(|left| (left.path.as_str(), left.reason))
        .collect();
    assert_eq!(found, left, "{name}");
    assert_eq!(report.fault, None, "{name}");
    // Nothing but these paths was touched.
    assert_eq!(
        differing_paths(text, slim.bytes()),
        expected_paths(replaced),
        "{name}"
    );
}

/// The outer paths of strings that differ between two JSON texts, or lines of them.
fn differing_paths(old: &[u8], new: &[u8]) -> Vec<String> {
    fn walk(path: &str, old: &serde_json::Value, new: &serde_json::Value, out: &mut Vec<String>) {
        use serde_json::Value::{Array, Object};
        match (old, new) {
            (Array(old), Array(new)) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    walk(&format!("{path}/{at}"), old, new, out);
                }
            }
            (Object(old), Object(new)) if old.keys().eq(new.keys()) => {
                for (key, old) in old {
                    walk(&format!("{path}/{key}"), old, &new[key], out);
                }
            }
            _ if old == new => {}
            _ => out.push(path.to_owned()),
        }
    }
    let values = |text| {
        serde_json::Deserializer::from_slice(text)
            .into_iter()
            .map(Result::unwrap)
    };
    let mut out = Vec::new();
    for (old, new) in values(old).zip(values(new)) {
        walk("", &old, &new, &mut out);
    }
    out.sort();
    out.dedup();
    out
}

fn expected_paths(replaced: &[(&str, &str)]) -> Vec<String> {
    let outer = replaced
        .iter()
        .map(|(path, _)| path.split('#').next().unwrap().to_owned());
    let mut paths: Vec<_> = outer.collect();
    paths.sort();
    paths.dedup();
    paths
}

macro_rules! golden {
    ($($test:ident, $name:literal, [$($replaced:expr),* $(,)?], [$($left:expr),* $(,)?];)*) => {$(
        #[tokio::test]
        async fn $test() {
            if let Some(text) = recorded($name) {
                check($name, &text, &[$($replaced),*], &[$($left),*]).await;
            }
        }
    )*};
}

const PNG: &str = "image/png";
const PDF: &str = "application/pdf";
const WAV: &str = "audio/wav";

golden! {
    anthropic, "anthropic_turn2_thinking_and_tool_images.body", [
        ("/messages/0/content/1/source/data", PNG),
        ("/messages/0/content/4/source/data", PDF),
        ("/messages/0/content/8/source/content/1/source/data", PNG),
        ("/messages/2/content/0/content/1/source/data", PNG),
        ("/messages/2/content/0/content/2/source/data", PDF),
    ], [];
    codex, "codex.jsonl", [("/payload/output#/0/image_url", PNG)], [];
    gemini_history, "gemini_hist.jsonl", [
        ("/parts/1/inline_data/data", PNG),
        ("/parts/4/inline_data/data", WAV),
        ("/parts/2/inline_data/data", PNG),
    ], [
        ("/parts/1/thought_signature", LeftReason::Opaque),
        ("/parts/2/thought_signature", LeftReason::Opaque),
        ("/parts/3/thought_signature", LeftReason::Opaque),
    ];
    gemini_request, "gemini_turn1.body", [
        ("/contents/0/parts/1/inlineData/data", PNG),
        ("/contents/0/parts/4/inlineData/data", WAV),
    ], [];
    langchain, "langchain.json", [
        ("/0/data/content/0/base64", PNG),
        ("/0/data/content/1/data", PNG),
        ("/0/data/content/2/image_url/url", PNG),
        ("/0/data/content/3/image_url", PNG),
        ("/0/data/content/4/source/data", PNG),
        ("/0/data/content/5/input_audio/data", PNG),
        ("/0/data/content/6/data", PNG),
        ("/0/data/content/7/file/file_data", PDF),
        ("/0/data/content/8/result", PNG),
    ], [];
    mcp, "mcp.json", [("/content/0/data", PNG), ("/content/1/resource/blob", PDF)], [];
    openai_chat, "openai_chat_turn2.body", [
        ("/messages/1/content/1/image_url/url", PNG),
        ("/messages/1/content/2/input_audio/data", WAV),
        ("/messages/1/content/3/file/file_data", PDF),
    ], [];
    openai_responses, "openai_responses_turn1.body", [
        ("/input/0/content/1/image_url", PNG),
        ("/input/0/content/3/file_data", PDF),
    ], [];
    promptkit, "promptkit.json", [("/messages/0/parts/0/media/data", PNG)], [];
    pydantic_ai, "pydantic.json", [("/0/parts/0/content/1/data", PNG)], [];
    rig, "rig.json", [
        ("/0/content/0/data/value", PNG),
        ("/0/content/2/content/0/data/value", PNG),
    ], [];
    // Base64 that people wrote stays; a `data:` URI is media wherever it stands.
    text_traps, "text_traps.json", [("/4/text", PNG)], [("/5/signature", LeftReason::Opaque)];
    vercel, "vercel_ui.json", [
        ("/0/parts/1/url", PNG),
        ("/1/parts/0/url", PNG),
        ("/1/parts/1/output/value/0/data/data", PNG),
        ("/1/parts/1/output/value/1/data", PNG),
        ("/1/parts/1/output/value/2/data", PNG),
    ], [];
}

/// All dialects of this repository's own fixtures, one value of each.
#[tokio::test]
async fn own_fixtures() {
    let text = fixture("dialects.jsonl");
    let slim = slim(&text).await;
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let mut expected = Vec::new();
    for (number, line) in lines.enumerate() {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        for path in value["replaced"].as_array().unwrap() {
            expected.push((number as u64, path.as_str().unwrap().to_owned()));
        }
    }
    let found: Vec<_> = slim
        .report()
        .values
        .iter()
        .map(|value| (value.document, value.path.clone()))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn opaque_values_are_replaced_when_they_are_asked_for() {
    let text = br#"[{"type":"thinking","signature":"AAECAwQFBgcICQoLDA0ODw=="},{"type":"redacted_thinking","data":"AAECAwQFBgcICQoLDA0ODw=="}]"#;
    let store = InMemoryStorage::new();
    let history = history(&store)
        .unscoped()
        .with_threshold_kb(0)
        .with_short_values(true);
    let slim = history
        .clone()
        .with_opaque(true)
        .externalize(text)
        .await
        .unwrap();
    let classes: Vec<_> = slim
        .report()
        .values
        .iter()
        .map(|value| value.class)
        .collect();
    assert_eq!(classes, [MediaClass::Opaque; 2]);
    assert_eq!(history.restore(slim.bytes()).await.unwrap(), &text[..]);
}
