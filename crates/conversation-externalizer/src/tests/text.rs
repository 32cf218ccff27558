//! `data:` URIs in text.

use conversation_types::{Message, MessageStatus, Part, ProviderData, RawJson, Role, TextPart};
use media_storage::InMemoryStorage;
use media_types::base64;
use proptest::prelude::*;

use super::support::{
    KIB, bytes_of, count, externalized, externalizer, png_base64, png_bytes, run, shown,
};
use crate::{BatchKind, ExternalizeOptions};

const BIG: usize = 120 * KIB;

#[tokio::test]
async fn an_image_in_markdown_leaves_the_words() {
    let data = png_base64(1, BIG);
    for role in [Role::User, Role::Assistant, Role::Tool] {
        for (text, expected, caption) in [
            (
                format!("Here: ![](data:image/png;base64,{data})\nDone."),
                vec!["Here: ", "<image/png stored>", "\nDone."],
                None,
            ),
            (
                format!("Here: ![a sun](data:image/png;base64,{data}) done."),
                vec!["Here: ![a sun]", "<image/png stored>", " done."],
                Some("a sun"),
            ),
            (
                format!("[a [b] c](data:image/png;base64,{data})"),
                vec!["[a [b] c](", "<image/png stored>", ")"],
                None,
            ),
            (
                format!("![a](data:image/png;base64,{data} \"a title\")"),
                vec!["![a](", "<image/png stored>", " \"a title\")"],
                None,
            ),
            (
                format!("<img src='DATA:image/png;charset=utf-8;BASE64,{data}' alt=x>"),
                vec!["<img src='", "<image/png stored>", "' alt=x>"],
                None,
            ),
        ] {
            let (store, message) = externalized(role, vec![text.clone().into()]).await;
            assert_eq!(shown(&message), expected);
            let media = message.media().next().unwrap();
            assert_eq!(media.caption(), caption);
            let part = message
                .content
                .iter()
                .find(|part| part.as_media().is_some())
                .unwrap();
            assert_eq!(bytes_of(&store, part).await, png_bytes(1, BIG));
            assert!(serde_json::to_string(&message).unwrap().len() < KIB);
        }
    }
}

#[tokio::test]
async fn spellings_of_other_programs_are_read() {
    let bytes = png_bytes(2, BIG);
    let data = base64::encode(&bytes);
    let url_safe = data.replace('+', "-").replace('/', "_");
    let percent = data
        .replace('+', "%2B")
        .replace('/', "%2f")
        .replace('=', "%3D");
    let escaped = data
        .replace('/', "\\/")
        .replace('+', "\\u002B")
        .replace('=', "\\u003d");
    let lines: Vec<_> = data
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    for text in [
        format!("x data:image/png;base64,{url_safe} y"),
        format!(
            "x data:image/png;base64,{} y",
            url_safe.trim_end_matches('=')
        ),
        format!("x data:image/png;base64,{percent} y"),
        format!("x \"data:image\\/png;base64,{escaped}\" y"),
        format!("x (data:image/png;base64,{}) y", lines.join("\n")),
        format!("x \"data:image/png;base64,\n{}\r\n\" y", lines.join("\r\n")),
        format!("x \"data:image/png;base64,{}\" y", lines.join("\\n")),
        format!("x data:;base64,{data} y"),
    ] {
        let (store, message) = externalized(Role::Assistant, vec![text.clone().into()]).await;
        let shown = shown(&message);
        assert_eq!(shown.len(), 3, "{:?}", &shown[0][..40.min(shown[0].len())]);
        assert_eq!(shown[1], "<image/png stored>");
        assert!(shown[0].starts_with("x ") && shown[2].ends_with(" y"));
        assert_eq!(bytes_of(&store, &message.content[1]).await, bytes);
    }
}

#[tokio::test]
async fn words_after_a_uri_are_not_taken_for_it() {
    let data = png_base64(3, BIG);
    let data = data.trim_end_matches('=');
    for after in ["\nwords", " words", "\n\nwords.", "==words", "\\nwords"] {
        let text = format!("data:image/png;base64,{data}{after}");
        let (_, message) = externalized(Role::Assistant, vec![text.into()]).await;
        let rest = shown(&message)[1..].concat();
        assert!(
            after.ends_with(&rest) && rest.contains("words"),
            "{after:?}: {rest:?}"
        );
    }
}

#[tokio::test]
async fn a_uri_that_is_cut_short_keeps_what_does_not_decode() {
    let data = png_base64(4, BIG);
    for cut in 0..9 {
        let text = format!(
            "x data:image/png;base64,{}",
            &data[..data.len() - 8 + cut.min(8)]
        );
        let (store, message) = externalized(Role::Assistant, vec![text.clone().into()]).await;
        let bytes = bytes_of(&store, &message.content[1]).await;
        assert!(png_bytes(4, BIG).starts_with(&bytes) && bytes.len() + 8 > BIG);
        let rest = shown(&message)[2..].concat();
        assert!(text.ends_with(&rest) && rest.len() < 4, "{rest}");
    }
}

#[tokio::test]
async fn small_uris_and_other_schemes_stay() {
    for text in [
        "a data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7 b"
            .to_owned(),
        format!("metadata:image/png;base64,{}", png_base64(1, BIG)),
        "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E".to_owned(),
        format!("data:image/png,{}", png_base64(1, BIG)),
        format!("data:image/png {};base64,AAAA", "x".repeat(2000)),
    ] {
        for role in [Role::User, Role::Assistant, Role::Tool] {
            let (store, message) = externalized(role, vec![text.clone().into()]).await;
            assert_eq!(shown(&message), [text.as_str()]);
            assert_eq!(count(&store).await, 0);
        }
    }
}

#[tokio::test]
async fn below_the_threshold_it_becomes_an_inline_part() {
    let text = format!("a data:image/png;base64,{} b", png_base64(5, 2 * KIB));
    let (store, message) = externalized(Role::User, vec![text.into()]).await;
    assert_eq!(shown(&message), ["a ", "<image/png inline>", " b"]);
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn what_belongs_to_the_text_stays_with_its_last_piece() {
    let signature = ProviderData::new().with("gemini", RawJson::from_text("\"sig\"").unwrap());
    let uri = format!("data:image/png;base64,{}", png_base64(6, BIG));
    for (text, pieces) in [(format!("a {uri} b"), 3), (format!("a {uri}"), 3)] {
        let part = TextPart::new(text).with_provider_data(signature.clone());
        let (_, message) = externalized(Role::Assistant, vec![part.into()]).await;
        assert_eq!(message.content.len(), pieces);
        let Some(Part::Text(last)) = message.content.last() else {
            panic!("{message:?}");
        };
        assert_eq!(last.provider_data, signature);
    }
}

#[tokio::test]
async fn at_a_checkpoint_a_uri_that_may_go_on_stays() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let data = png_base64(7, BIG);
    let whole =
        format!("![a](data:image/png;base64,{data}) and ![b](data:image/png;base64,{data})");
    let second = whole.find(" and").unwrap();
    let mut pending = super::support::pending(&externalizer);
    let id = conversation_types::MessageId::mint();
    let mut last = None;
    for end in [data.len(), data.len() + 60, whole.len() - 300, whole.len()] {
        let message = Message::assistant(vec![whole[..end].into()]).with_id(id.clone());
        let mut messages = [message.with_status(MessageStatus::Partial)];
        super::support::try_run(
            &externalizer,
            BatchKind::Checkpoint,
            &mut messages,
            &mut pending,
        )
        .await
        .unwrap();
        pending.commit();
        let text = messages[0].text();
        match end {
            end if end <= data.len() => assert_eq!(text, whole[..end]),
            end if end < whole.len() => assert_eq!(
                shown(&messages[0]),
                ["![a]", "<image/png stored>", &whole[second..end]]
            ),
            _ => assert_eq!(
                shown(&messages[0]),
                [
                    "![a]",
                    "<image/png stored>",
                    " and ![b]",
                    "<image/png stored>"
                ]
            ),
        }
        last = Some(messages);
    }
    // Each image was stored once, and two places have two references.
    assert_eq!(count(&store).await, 2);
    let [message] = last.unwrap();
    let references: Vec<_> = message
        .media()
        .filter_map(|media| media.reference())
        .collect();
    assert_ne!(references[0], references[1]);
    // The answer is over: what is there is taken.
    let mut messages = [Message::assistant(vec![whole[..data.len()].into()])];
    run(&externalizer, BatchKind::Answer, &mut messages).await;
    assert_eq!(messages[0].media().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever words stand around URIs, they stay, in order; the URIs become media.
    #[test]
    fn text_around_uris_is_kept(
        words in proptest::collection::vec("[ a-zA-Z0-9+/=:;,.(){}\\[\\]\"'<>!\\\\%\n\u{e9}\u{1f600}-]{0,30}", 1..6),
        sizes in proptest::collection::vec(800_usize..3000, 1..6),
        delimiter in prop_oneof![Just((" ", " ")), Just(("(", ")")), Just(("\"", "\"")), Just(("<", ">"))],
        is_tool: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut text = String::new();
        let mut expected: Vec<Vec<u8>> = Vec::new();
        let mut plain = String::new();
        for (index, word) in words.iter().enumerate() {
            text.push_str(word);
            plain.push_str(word);
            if let Some(size) = sizes.get(index) {
                let bytes = png_bytes(index as u8, *size);
                let uri = format!("{}data:image/png;base64,{}{}", delimiter.0, base64::encode(&bytes), delimiter.1);
                text.push_str(&uri);
                plain.push_str(delimiter.0);
                plain.push_str(delimiter.1);
                expected.push(bytes.to_vec());
            }
        }
        let role = if is_tool { Role::Tool } else { Role::Assistant };
        let (store, message) = runtime.block_on(externalized(role, vec![text.into()]));
        let mut got = Vec::new();
        let mut kept = String::new();
        for part in &message.content {
            match part {
                Part::Text(text) => kept.push_str(&text.text),
                part => got.push(runtime.block_on(bytes_of(&store, part)).to_vec()),
            }
        }
        prop_assert_eq!(got, expected);
        // The parentheses of Markdown go with the image, and nothing else.
        let markup = |text: &str| text.replace("]()", "]").replace("![]", "");
        prop_assert_eq!(markup(&kept), markup(&plain));
    }

    /// Any text at all: what is not media comes out as it went in.
    #[test]
    fn arbitrary_text_never_panics_and_is_kept(text in ".{0,300}", is_tool: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let role = if is_tool { Role::Tool } else { Role::User };
        let (_, message) = runtime.block_on(externalized(role, vec![text.clone().into()]));
        prop_assert_eq!(message.text(), text);
    }

    /// Pieces of JSON and of URIs in any order.
    #[test]
    fn arbitrary_pieces_never_panic(pieces in proptest::collection::vec(prop_oneof![
        Just("{"), Just("}"), Just("["), Just("]"), Just("\""), Just(":"), Just(","), Just("\\"),
        Just("\"data\":"), Just("\"type\":\"image\""), Just("\"mime_type\":\"image/png\""), Just("\"blob\":"),
        Just("\"source\":{"), Just("\"AAAA\""), Just("data:image/png;base64,"), Just("AAAA"), Just("=="), Just("%2"),
        Just("\u{e9}"), Just("]("), Just("!["), Just(")"), Just("\n"), Just("\"storage_reference\":\"a\""), Just("1.5"),
    ], 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let text = pieces.concat();
        runtime.block_on(externalized(Role::Tool, vec![text.clone().into()]));
        if let Ok(part) = serde_json::from_str::<Part>(&text) {
            runtime.block_on(externalized(Role::Tool, vec![part]));
        }
    }
}
