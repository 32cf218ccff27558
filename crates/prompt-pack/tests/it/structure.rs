//! What is no pack is refused, and the error says where and why.

use std::error::Error;

use prompt_pack::{MAX_PACK_BYTES, PackError, PackErrorKind, PackLocation, PromptPack};
use serde_json::{Value, json};

use super::{read, with_prompt};

fn pointer_of(error: &PackError) -> String {
    match error.location() {
        Some(PackLocation::Path(path)) => path.to_pointer(),
        other => panic!("{error}: {other:?}"),
    }
}

#[test]
fn structure_errors_say_where() {
    let valid = with_prompt(json!({}));
    assert!(read(&valid).is_ok());
    let changed = |pointer: &str, value: Value| {
        let mut pack = valid.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        pack.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(key.to_owned(), value);
        pack
    };
    let with_tools = |tools: Value| {
        let mut pack = with_prompt(json!({"tools": ["t"]}));
        pack["tools"] = tools;
        pack
    };
    for (pack, pointer) in [
        (json!([]), ""),
        (json!({}), ""),
        (changed("/id", json!("Not An Id")), "/id"),
        (changed("/id", json!(7)), "/id"),
        (changed("/version", json!("1.0")), "/version"),
        (changed("/prompts", json!({})), "/prompts"),
        (changed("/prompts", json!([])), "/prompts"),
        (changed("/prompts/p", json!("text")), "/prompts/p"),
        (changed("/prompts/p", json!({})), "/prompts/p"),
        (
            changed("/prompts/", json!({"system_template": "x"})),
            "/prompts/",
        ),
        (
            changed("/template_engine", json!({"syntax": "${variable}"})),
            "/template_engine/syntax",
        ),
        (changed("/fragments", json!({"f": 1})), "/fragments/f"),
        (with_prompt(json!({"id": "Bad Id"})), "/prompts/p/id"),
        (with_prompt(json!({"version": "one"})), "/prompts/p/version"),
        (
            with_prompt(json!({"system_template": ""})),
            "/prompts/p/system_template",
        ),
        (
            with_prompt(json!({"variables": [{"name": "a b"}]})),
            "/prompts/p/variables/0/name",
        ),
        (
            with_prompt(json!({"variables": [{"name": "x"}, {"name": "x"}]})),
            "/prompts/p/variables/1",
        ),
        (
            with_prompt(json!({"variables": [{"name": "x", "validation": {"pattern": "("}}]})),
            "/prompts/p/variables/0/validation/pattern",
        ),
        (
            with_prompt(json!({"parameters": {"max_tokens": 0}})),
            "/prompts/p/parameters/max_tokens",
        ),
        (
            with_prompt(json!({"parameters": {"temperature": "hot"}})),
            "/prompts/p/parameters/temperature",
        ),
        (
            with_prompt(json!({"tool_policy": {"tool_choice": "maybe"}})),
            "/prompts/p/tool_policy/tool_choice",
        ),
        (
            with_prompt(json!({"tool_policy": {"max_rounds": 0}})),
            "/prompts/p/tool_policy/max_rounds",
        ),
        (
            with_prompt(json!({"tools": ["t", "t"]})),
            "/prompts/p/tools/1",
        ),
        (
            with_prompt(json!({"media": {"image": {"max_size_mb": -1}}})),
            "/prompts/p/media/image/max_size_mb",
        ),
        (
            with_prompt(json!({"model_overrides": {"m": {"system_template": 1}}})),
            "/prompts/p/model_overrides/m/system_template",
        ),
        (with_tools(json!({"other": {}})), "/prompts/p/tools/0"),
        (with_tools(json!({"a b": {}})), "/tools/a b"),
        (with_tools(json!({"t": {"name": "u"}})), "/tools/t/name"),
        (
            with_tools(json!({"t": {"parameters": {"type": "string"}}})),
            "/tools/t/parameters",
        ),
    ] {
        let error = read(&pack).unwrap_err();
        assert_eq!(error.kind(), PackErrorKind::InvalidPack, "{pack}: {error}");
        assert_eq!(pointer_of(&error), pointer, "{pack}: {error}");
        assert!(
            !error.hint().is_empty()
                && !error.to_string().ends_with('.')
                && !error.hint().ends_with('.'),
            "{error}"
        );
    }
}

#[test]
fn text_that_is_not_json_says_line_and_column() {
    let error = PromptPack::from_json(b"{\n  \"id\": \"a\",\n  oops\n}").unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::InvalidJson);
    assert_eq!(
        error.location(),
        Some(&PackLocation::Position { line: 3, column: 3 })
    );
    assert!(
        error.to_string().ends_with("at line 3, column 3"),
        "{error}"
    );
    assert!(error.source().is_some());
    for bytes in [b"".as_slice(), b"\xff\xfe", b"{}x", b"{\"id\":\"\xff\"}"] {
        assert_eq!(
            PromptPack::from_json(bytes).unwrap_err().kind(),
            PackErrorKind::InvalidJson
        );
    }
}

#[test]
fn size_and_nesting_are_bounded() {
    let mut json = with_prompt(json!({})).to_string().into_bytes();
    json.resize(MAX_PACK_BYTES, b' ');
    assert!(PromptPack::from_json(&json).is_ok());
    json.push(b' ');
    assert_eq!(
        PromptPack::from_json(&json).unwrap_err().kind(),
        PackErrorKind::TooLarge
    );

    let nested = |levels: usize| {
        let pack = with_prompt(json!({})).to_string();
        format!(
            "{},\"x\":{}{}}}",
            &pack[..pack.len() - 1],
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(PromptPack::from_json(nested(126).as_bytes()).is_ok());
    assert_eq!(
        PromptPack::from_json(nested(128).as_bytes())
            .unwrap_err()
            .kind(),
        PackErrorKind::InvalidJson
    );
    assert_eq!(
        PromptPack::from_json(nested(1_000_000).as_bytes())
            .unwrap_err()
            .kind(),
        PackErrorKind::InvalidJson
    );
}

#[test]
fn counts_that_multiply_are_bounded() {
    let names = |count: usize| (0..count).map(|n| format!("v{n}")).collect::<Vec<_>>();
    let variables = |count| {
        names(count)
            .iter()
            .map(|name| json!({"name": name}))
            .collect::<Vec<_>>()
    };
    for (works, fails) in [
        (json!({"tools": names(1000)}), json!({"tools": names(1001)})),
        (
            json!({"variables": variables(1000)}),
            json!({"variables": variables(1001)}),
        ),
        (
            json!({"tool_policy": {"blocklist": names(1000)}}),
            json!({"tool_policy": {"blocklist": names(1001)}}),
        ),
    ] {
        assert!(read(&with_prompt(works)).is_ok());
        assert_eq!(
            read(&with_prompt(fails)).unwrap_err().kind(),
            PackErrorKind::InvalidPack
        );
    }
    let validators = |count| json!({"validators": vec![json!({"type": "regex_match", "params": {"pattern": "x"}}); count]});
    assert!(read(&with_prompt(validators(256))).is_ok());
    assert_eq!(
        read(&with_prompt(validators(257))).unwrap_err().kind(),
        PackErrorKind::InvalidPack
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.json");
    let error = PromptPack::from_path(&missing).unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (PackErrorKind::Unreadable, Some(missing.as_path()))
    );
    assert!(error.to_string().contains("missing.json") && error.source().is_some());
    assert_eq!(
        PromptPack::from_path(dir.path()).unwrap_err().kind(),
        PackErrorKind::Unreadable
    );

    let large = dir.path().join("large.json");
    std::fs::write(&large, vec![b' '; MAX_PACK_BYTES + 1]).unwrap();
    assert_eq!(
        PromptPack::from_path(&large).unwrap_err().kind(),
        PackErrorKind::TooLarge
    );

    let marked = dir.path().join("marked.json");
    std::fs::write(&marked, format!("\u{feff}{}", with_prompt(json!({})))).unwrap();
    assert!(PromptPack::from_path(&marked).is_ok());
}

#[cfg(unix)]
#[test]
fn a_pipe_without_a_writer_does_not_hang() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        PromptPack::from_path(&pipe).unwrap_err().kind(),
        PackErrorKind::Unreadable
    );
}
