use super::super::path::Step::{self, DataUri, Each, Key};
use super::*;
use media_types::base64;
use proptest::prelude::*;
use serde_json::{Value, json};

mod uris;

/// Where the wire forms have media.
const IMAGES: &[Step] = &[Key("data"), Each, Key("b64_json")];
const GEMINI: &[Step] = &[
    Key("candidates"),
    Each,
    Key("content"),
    Key("parts"),
    Each,
    Key("inlineData"),
    Key("data"),
];
const GEMINI_SNAKE: &[Step] = &[
    Key("candidates"),
    Each,
    Key("content"),
    Key("parts"),
    Each,
    Key("inline_data"),
    Key("data"),
];
const RESPONSES: &[Step] = &[Key("output"), Each, Key("result")];
const NESTED: &[Step] = &[Each, Each, Key("a"), Key("a")];
const URIS: &[Step] = &[Key("images"), Each, DataUri("url")];
const ALL: &[JsonPath] = &[IMAGES, GEMINI, GEMINI_SNAKE, RESPONSES, NESTED, URIS];

fn sift(text: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Vec<u8>>), ExtractError> {
    let mut extractor = MediaExtractor::new(ALL, 1 << 20);
    let mut media: Vec<Vec<u8>> = Vec::new();
    for mut piece in text.chunks(size.max(1)) {
        while let Some(Extracted { number, bytes, .. }) = extractor.next(&mut piece)? {
            media.resize(media.len().max(number + 1), Vec::new());
            media[number].extend_from_slice(bytes);
        }
    }
    media.resize(media.len().max(extractor.count), Vec::new());
    Ok((extractor.finish()?, media))
}

/// What the extractor must give: everything read at once, then taken apart.
fn whole(text: &[u8]) -> Option<(Value, Vec<Vec<u8>>)> {
    fn take(
        value: &mut Value,
        paths: &[JsonPath],
        depth: usize,
        media: &mut Vec<Vec<u8>>,
    ) -> Option<()> {
        let into = |step: Step| -> Vec<JsonPath> {
            let leads = |path: &&JsonPath| path.get(depth) == Some(&step);
            paths.iter().filter(leads).copied().collect()
        };
        match value {
            Value::String(text) if paths.contains(&URIS) && depth == URIS.len() => {
                if let Some((head, payload)) = uri(text) {
                    media.push(base64::decode(payload.as_bytes()).ok()?);
                    *text = format!("{head}{}", media.len() - 1);
                }
            }
            Value::String(text) if paths.iter().any(|path| path.len() == depth) => {
                media.push(base64::decode(text.as_bytes()).ok()?);
                *text = (media.len() - 1).to_string();
            }
            Value::Array(items) => {
                for item in items {
                    take(item, &into(Each), depth + 1, media)?;
                }
            }
            Value::Object(entries) => {
                for (key, value) in entries {
                    let leads = |path: &&JsonPath| matches!(path.get(depth), Some(Key(name) | DataUri(name)) if name == key);
                    let paths: Vec<JsonPath> = paths.iter().filter(leads).copied().collect();
                    take(value, &paths, depth + 1, media)?;
                }
            }
            _ => {}
        }
        Some(())
    }
    let mut value = serde_json::from_slice(text).unwrap();
    let mut media = Vec::new();
    take(&mut value, ALL, 0, &mut media)?;
    Some((value, media))
}

#[test]
fn media_is_taken_out_of_its_place_only() {
    let text = br#"{"created":1,"b64_json":"aGk=","data":[{"b64_json":"aGVsbG8=","revised_prompt":"a \"b64_json\": \\"},
        {"b64_json" : null,"x":"b64_json","y":"aGk=","deep":{"b64_json":"aGk="},"b64_json": "aGk=" },
        {"b64_json":0}, {"b64\u005fjson":""}],"B64_JSON":"aGk="}"#;
    for size in 1..60 {
        let (rest, media) = sift(text, size).unwrap();
        assert_eq!(media, [b"hello".to_vec(), b"hi".to_vec(), vec![]], "{size}");
        let rest: Value = serde_json::from_slice(&rest).unwrap();
        let data = &rest["data"];
        assert_eq!(data[0]["b64_json"], "0");
        assert_eq!(data[0]["revised_prompt"], "a \"b64_json\": \\");
        assert_eq!(
            (&data[1]["b64_json"], &data[1]["y"]),
            (&json!("1"), &json!("aGk="))
        );
        assert_eq!(data[1]["deep"]["b64_json"], "aGk=");
        // A number of the sender's own is told from one of ours.
        assert_eq!(
            (&data[2]["b64_json"], &data[3]["b64_json"]),
            (&json!(0), &json!("2"))
        );
        assert_eq!(
            (&rest["b64_json"], &rest["B64_JSON"]),
            (&json!("aGk="), &json!("aGk="))
        );
    }
}

#[test]
fn every_wire_form_has_its_places() {
    let picture = base64::encode(b"a picture");
    for (answer, pointer) in [
        (
            json!({"candidates": [{"content": {"role": "model", "parts": [
                {"text": "here", "thoughtSignature": picture},
                {"inlineData": {"mimeType": "image/png", "data": picture}}]}, "finishReason": "STOP"}],
                "usageMetadata": {"totalTokenCount": 3}}),
            "/candidates/0/content/parts/1/inlineData/data",
        ),
        (
            json!({"candidates": [{"content": {"parts": [{"inline_data": {"mime_type": "image/png", "data": picture}}]}}]}),
            "/candidates/0/content/parts/0/inline_data/data",
        ),
        (
            json!({"id": "resp_1", "output": [
                {"type": "reasoning", "encrypted_content": picture},
                {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": picture}]}),
            "/output/1/result",
        ),
        (
            json!({"created": 1, "data": [{"url": "https://h/a"}, {"b64_json": picture}]}),
            "/data/1/b64_json",
        ),
    ] {
        let text = answer.to_string();
        for size in [1, 7, 64, text.len()] {
            let (rest, media) = sift(text.as_bytes(), size).unwrap();
            assert_eq!(media, [b"a picture"], "{pointer}");
            let mut expected = answer.clone();
            *expected.pointer_mut(pointer).unwrap() = "0".into();
            assert_eq!(serde_json::from_slice::<Value>(&rest).unwrap(), expected);
        }
    }
}

#[test]
fn what_is_wrong_is_an_error() {
    for (text, error) in [
        (
            &br#"{"data":[{"b64_json":"aG*k"}]}"#[..],
            ExtractError::NotBase64,
        ),
        (br#"{"data":[{"b64_json":"a"}]}"#, ExtractError::NotBase64),
        (
            br#"{"data":[{"b64_json":"aa\x"}]}"#,
            ExtractError::NotBase64,
        ),
        (
            br#"{"data":[{"b64_json":"\uD83D"}]}"#,
            ExtractError::NotBase64,
        ),
        (
            br#"{"data":[{"b64_json":"\u00zz"}]}"#,
            ExtractError::NotBase64,
        ),
        (br#"{"data":[{"b64_json":"aGk="#, ExtractError::Truncated),
        (br#"{"data":[{"b64_json":"aGk=\"#, ExtractError::Truncated),
        (br#"{"a":"b"#, ExtractError::Truncated),
    ] {
        for size in 1..text.len() {
            assert_eq!(sift(text, size).unwrap_err(), error);
        }
    }
    let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert_eq!(sift(&deep(129), 1000).unwrap_err(), ExtractError::TooLong);
    assert!(sift(&deep(128), 1000).is_ok());
    for (limit, fits) in [(10, true), (9, false)] {
        let mut extractor = MediaExtractor::new(ALL, limit);
        assert_eq!(extractor.next(&mut &br#"{"abc":12}"#[..]).is_ok(), fits);
    }
}

/// JSON that has the names of the paths in many other ones.
fn any_json() -> impl Strategy<Value = Value> {
    let name = proptest::sample::select(vec![
        "data",
        "b64_json",
        "output",
        "result",
        "candidates",
        "content",
        "parts",
        "inlineData",
        "inline_data",
        "a",
        "",
        "x\"\\",
    ]);
    let media = proptest::collection::vec(any::<u8>(), 0..50)
        .prop_map(|bytes| Value::String(base64::encode(&bytes)));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
        media,
    ];
    leaf.prop_recursive(8, 60, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..4).prop_map(|entries| {
                entries
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

/// An answer of the images endpoint in which some paths hold media.
fn answer() -> impl Strategy<Value = Value> {
    let media = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..4);
    (media, ".{0,20}", any_json()).prop_map(|(media, text, other)| {
        let data: Vec<Value> = media
            .iter()
            .map(|bytes| json!({"b64_json": base64::encode(bytes), "revised_prompt": text}))
            .collect();
        json!({"data": data, "output": [{"result": base64::encode(text.as_bytes())}, other]})
    })
}

/// Writes JSON with escapes and white space wherever `odd` has a one.
fn write(value: &Value, odd: &mut impl Iterator<Item = bool>, out: &mut String) {
    let space = |odd: &mut dyn Iterator<Item = bool>, out: &mut String| {
        if odd.next() == Some(true) {
            out.push_str(" \n");
        }
    };
    let text = |text: &str, odd: &mut dyn Iterator<Item = bool>, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            if odd.next() == Some(true) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else if c == '/' {
                out.push_str("\\/");
            } else {
                let quoted = Value::from(c.to_string()).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
        out.push('"');
    };
    match value {
        Value::String(string) => text(string, odd, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                space(odd, out);
                write(item, odd, out);
                space(odd, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                space(odd, out);
                text(key, odd, out);
                space(odd, out);
                out.push(':');
                space(odd, out);
                write(value, odd, out);
                space(odd, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

proptest! {
    #[test]
    fn it_is_as_if_the_whole_was_read_at_once(
        value in prop_oneof![any_json(), answer()],
        odd in proptest::collection::vec(proptest::bool::weighted(0.2), 1..50),
        size in 1_usize..40,
    ) {
        let mut text = String::new();
        write(&value, &mut odd.iter().copied().cycle(), &mut text);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
        match (whole(text.as_bytes()), sift(text.as_bytes(), size)) {
            (Some((expected, media)), Ok((rest, found))) => {
                prop_assert_eq!(found, media);
                prop_assert_eq!(serde_json::from_slice::<Value>(&rest).unwrap(), expected);
            }
            (None, Err(ExtractError::NotBase64)) => {}
            (expected, found) => prop_assert!(false, "{:?} and {:?}", expected, found.err()),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..50) {
        let _ = sift(&bytes, size);
        let some_json: Vec<u8> = bytes.iter().map(|b| br#"{}[]",:\adu0 "#[usize::from(*b) % 13]).collect();
        let _ = sift(&some_json, size);
    }
}

/// A `data:` URI in its two parts, as the extractor sees it.
fn uri(text: &str) -> Option<(&str, &str)> {
    let (head, payload) = text.split_at(text.find(',')? + 1);
    extracted_media(text).map(|_| (head, payload))
}

#[test]
fn data_uris_are_taken_out_and_addresses_stay() {
    for (url, found) in [
        ("data:image/png;base64,AAAA", Some(("0", "image/png"))),
        ("DATA:image\\/png;BASE64,AAAA", Some(("0", "image/png"))),
        ("\\u0064ata:;base64,A\\u0041AA", Some(("0", ""))),
        ("data:;base64,", Some(("0", ""))),
        ("data:image/png,AAAA", None),
        ("data:image/png", None),
        ("data:nonsense;base64,AAAA", None),
        // What the extractor passes over must not be taken for a number by whoever reads the rest.
        ("data:image/png\\t;base64,0", None),
        ("data:image/png;x=\\u0009;base64,0", None),
        ("data:image/png;x=\\\"a\\\";base64,0", None),
        ("data:image/png;x=\\u0022;base64,0", None),
        ("data:image/png;x=\u{e9};base64,0", None),
        ("dat", None),
        ("", None),
        ("https://h/a.png?data:;base64,0", None),
    ] {
        let text = format!(r#"{{"images":[{{"url":"{url}"}}]}}"#);
        for size in [1, 2, 7, 1000] {
            let (rest, media) = sift(text.as_bytes(), size).unwrap();
            let rest: Value = serde_json::from_slice(&rest).unwrap();
            let left = rest["images"][0]["url"].as_str().unwrap();
            let number = extracted_media(left).map(|(number, mime)| {
                (
                    number.to_owned(),
                    mime.map(|m| m.to_string()).unwrap_or_default(),
                )
            });
            let wanted = found.map(|(number, mime)| (number.to_owned(), mime.to_owned()));
            assert_eq!(number, wanted, "{url}");
            assert_eq!(media.len(), usize::from(found.is_some()), "{url}");
            if found.is_none() {
                let whole: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(rest, whole);
            }
        }
    }
    // However long its head is, it is either media or text, never a number of another.
    for long in [990, 1010, 1030, 1100, 5000] {
        let head = format!("data:image/png;x={};base64,", "y".repeat(long));
        let text = format!(r#"{{"images":[{{"url":"{head}0000"}}]}}"#);
        let (rest, media) = sift(text.as_bytes(), 100).unwrap();
        let rest: Value = serde_json::from_slice(&rest).unwrap();
        let is_number = extracted_media(rest["images"][0]["url"].as_str().unwrap()).is_some();
        assert_eq!(is_number, media.len() == 1, "{long}");
    }
}
