//! Work is linear in the size of a message, counted in bytes that are looked at.

use conversation_types::{Message, Part, RawJson, UnknownPart};
use media_loader::MediaLoader;

use super::support::{KIB, owner, png_base64};
use crate::{Batch, BatchKind, ExternalizeOptions, Externalizer};

/// How many times each byte may be looked at.
const PASSES: u64 = 6;

async fn work(part: Part) -> u64 {
    let externalizer = Externalizer::new(
        None,
        MediaLoader::builder().build(),
        ExternalizeOptions::new(),
    );
    let owner = owner();
    let batch = Batch::new(&owner, 0, BatchKind::Answer);
    let message = [Message::tool("call-1", vec![part])];
    externalizer
        .plan(&batch, &message, crate::RemoteMedia::PassThrough, true)
        .await
        .work
}

fn hostile(size: usize) -> Vec<String> {
    let repeat = |piece: &str| piece.repeat(size / piece.len());
    let nested = |open: &str, close: &str| {
        let depth = size / (open.len() + close.len());
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    vec![
        nested("[", "]"),
        nested("{\"a\":", "}"),
        nested("{\"data\":", "}"),
        nested("{\"source\":{\"x\":", "}}"),
        nested("{\"mime_type\":\"image/png\",\"data\":\"AAAA\",\"x\":", "}"),
        nested(
            "{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"AAAA\",\"x\":",
            "}",
        ),
        nested(
            "{\"resource\":{\"blob\":\"AAAA\",\"uri\":\"a\"},\"x\":",
            "}",
        ),
        repeat("["),
        repeat("{"),
        repeat("{\"a\":"),
        repeat("{\"a"),
        repeat("[\""),
        repeat("{\"\\"),
        repeat("[1,"),
        repeat("[1 "),
        repeat("data:"),
        repeat("data:;base64,"),
        repeat("(data:;base64,A "),
        repeat("![](data:image/png;base64,AAAA)"),
        repeat("[a](data:image/png;base64,AAAA"),
        repeat(":"),
        repeat("]("),
        format!("data:image/png;base64,{}", repeat("A ")),
        format!("(data:image/png;base64,{}", repeat("A\n")),
        format!(
            "[{}]",
            repeat("{\"mime_type\":\"image/png\",\"data\":\"AAAA\"},").trim_end_matches(',')
        ),
        nested("[\"[\\\"", "\"]"),
        serde_json::json!([serde_json::json!([nested("[\"a\",", "]")]).to_string()]).to_string(),
        serde_json::json!([repeat("[\"")]).to_string(),
        format!("{}[{}", repeat("x"), png_base64(1, 3 * KIB)),
    ]
}

#[tokio::test]
async fn hostile_texts_cost_no_more_than_their_size() {
    for text in hostile(126 * KIB) {
        let len = text.len() as u64;
        let shown: String = text.chars().take(40).collect();
        let as_text = work(text.clone().into()).await;
        assert!(
            as_text <= PASSES * len,
            "{shown}: {as_text} for {len} bytes"
        );
        if let Ok(json) = RawJson::from_text(text) {
            let unknown = UnknownPart::new(json, "test");
            let as_part = work(Part::Unknown(unknown)).await;
            assert!(
                as_part <= PASSES * len,
                "{shown}: {as_part} for {len} bytes"
            );
        }
    }
}

/// What the counter cannot see, such as a search that starts over, shows in time: this would
/// take minutes.
#[tokio::test]
async fn half_a_megabyte_of_hostile_text_is_read() {
    for text in hostile(512 * KIB) {
        let len = text.len() as u64;
        let done = work(text.into()).await;
        assert!(done <= PASSES * len);
    }
}

#[tokio::test]
async fn long_work_lets_others_run() {
    let text = format!("[{}]", "{\"a\":1},".repeat(500_000).trim_end_matches(','));
    let mut turns = 0;
    let mut reading = std::pin::pin!(work(text.clone().into()));
    std::future::poll_fn(|cx| {
        turns += 1;
        reading.as_mut().poll(cx).map(drop)
    })
    .await;
    assert!(turns > text.len() / (600 * KIB), "{turns}");
}
