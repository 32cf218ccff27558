//! Bytes that are written as numbers: only where that is asked for, and with nothing lost.

use media_history::{History, HistoryErrorKind, HistoryKey, LeftReason, MediaClass};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _, Scope, next};

fn history(store: &InMemoryStorage) -> History {
    History::new(store, HistoryKey::new("a secret of sixteen bytes").unwrap())
        .with_scope(Scope::User("a".parse().unwrap()))
        .with_threshold_kb(0)
        .with_number_arrays(true)
}

/// A PNG, as far as its first bytes go.
fn bytes(len: usize) -> Vec<u8> {
    let rest = (8..len).map(|at| (at * 7 + at / 5) as u8);
    b"\x89PNG\r\n\x1a\n".iter().copied().chain(rest).collect()
}

fn list(bytes: &[u8], separator: &str) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(separator))
}

fn map(bytes: &[u8]) -> String {
    let members = bytes.iter().enumerate();
    let members: Vec<String> = members
        .map(|(at, byte)| format!("\"{at}\":{byte}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Takes the media of a text out and puts it back; returns the slim form and where media was.
async fn round(history: &History, text: &str) -> (String, Vec<String>) {
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    let whole = history.restore(slim.bytes()).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&whole), text);
    let body = history.restore_body(slim.bytes()).await.unwrap();
    assert_eq!(body.len(), Some(text.len() as u64));
    let values = &slim.report().values;
    assert!(
        values
            .iter()
            .all(|value| value.class == MediaClass::NumberArray)
    );
    let paths = values.iter().map(|value| value.path.clone()).collect();
    (String::from_utf8(slim.bytes().to_vec()).unwrap(), paths)
}

#[tokio::test]
async fn bytes_are_found_where_serializers_write_them_as_numbers() {
    let store = InMemoryStorage::new();
    let history = history(&store);
    let bytes = bytes(600);
    let plain: Vec<u8> = (0..600).map(|at| (at * 31) as u8).collect();
    for (text, path) in [
        // A Node buffer, with and without a type beside it.
        (
            format!(
                r#"{{"image":{{"type":"Buffer","data":{}}}}}"#,
                list(&plain, ",")
            ),
            "/image/data",
        ),
        (
            format!(
                r#"{{"type":"file","data":{},"mediaType":"x/y"}}"#,
                list(&plain, ",")
            ),
            "/data",
        ),
        // A Uint8Array.
        (
            format!(r#"{{"type":"image","image":{}}}"#, map(&plain)),
            "/image",
        ),
        // Vec<u8> of Rust, and of a Python list.
        (
            format!(
                r#"{{"data":{{"type":"raw","value":{}}}}}"#,
                list(&plain, ",")
            ),
            "/data/value",
        ),
        (
            format!(r#"[1, {{"thumbnail": {}}}, 2]"#, list(&bytes, ", ")),
            "/1/thumbnail",
        ),
        (list(&bytes, ",\n  "), ""),
        (format!("[[{}]]", list(&bytes, ",")), "/0/0"),
    ] {
        let (slim, paths) = round(&history, &text).await;
        assert_eq!(paths, [path], "{text}");
        assert!(slim.len() < text.len() / 3, "{slim}");
        // It is a string: readers that expect numbers refuse it.
        let parsed: serde_json::Value = serde_json::from_str(&slim).unwrap();
        let value = parsed.pointer(path).unwrap();
        assert!(
            value.as_str().unwrap().starts_with("media-ref:v1:"),
            "{slim}"
        );
    }
    let slim = history
        .externalize(list(&bytes, ",").as_bytes())
        .await
        .unwrap();
    let value = &slim.report().values[0];
    assert_eq!((value.mime.as_str(), value.bytes), ("image/png", 600));
    let stored = store.retrieve_bytes(&value.reference, 600).await.unwrap();
    assert_eq!(stored, bytes);
}

#[tokio::test]
async fn numbers_in_strings_in_strings_are_found() {
    let history = history(&InMemoryStorage::new());
    let mut text = format!(
        r#"{{"a":[{},"x"],"b":{}}}"#,
        list(&bytes(300), ", "),
        map(&bytes(200))
    );
    for level in 0..4_usize {
        let (slim, paths) = round(&history, &text).await;
        assert_eq!(paths, ["/a/0", "/b"].map(|path| "/0#".repeat(level) + path));
        assert!(
            serde_json::from_str::<serde_json::Value>(&slim).is_ok(),
            "{slim}"
        );
        text = serde_json::to_string(&[text]).unwrap();
    }
}

#[tokio::test]
async fn other_numbers_stay() {
    let history = history(&InMemoryStorage::new());
    for text in [
        "[]".to_owned(),
        "{}".to_owned(),
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]".to_owned(),
        format!(r#"{{"embedding":[{}0.5]}}"#, "1,".repeat(500)),
        format!(r#"{{"type":"image","data":[{}256]}}"#, "1,".repeat(500)),
        format!(r#"{{"tokens":[{}7]}}"#, "1,".repeat(500)),
        format!(r#"{{"type":"image","data":[{}"#, "1,".repeat(500)),
        format!(r#"{{"type":"image","data":[{}oops"#, "1,".repeat(500)),
        format!(
            r#"[[{}],{{"0":1,"1":{{"0":[1,2,[3]]}}}}]"#,
            "1,".repeat(20) + "-1"
        ),
        map(&bytes(40)).replace("\"39\"", "\"40\""),
    ] {
        let (slim, _) = round(&history, &text).await;
        assert_eq!(slim, text);
    }
    // Without the mode, nothing is looked at.
    let text = list(&bytes(600), ",");
    let (slim, _) = round(&history.with_number_arrays(false), &text).await;
    assert_eq!(slim, text);
}

#[tokio::test]
async fn text_around_numbers_is_read_as_ever() {
    let history = history(&InMemoryStorage::new());
    let media = media_types::base64::encode(&bytes(600));
    let text = format!(
        r#"{{"a":[1,2,{{"type":"image","data":"{media}"}}],"b":{{"0":1,"blob":"{media}"}},"c":[["{media}"],7]}}"#
    );
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    let paths: Vec<_> = slim
        .report()
        .values
        .iter()
        .map(|value| &*value.path)
        .collect();
    assert_eq!(paths, ["/a/2/data", "/b/blob", "/c/0/0"]);
    let whole = history.restore(slim.bytes()).await.unwrap();
    assert_eq!(whole, text);
}

#[tokio::test]
async fn numbers_that_cannot_be_spelled_again_are_listed() {
    let history = history(&InMemoryStorage::new());
    let even = list(&bytes(600), ",");
    for (text, reason) in [
        (
            format!("{}, 7,7]", &even[..1500]),
            LeftReason::NotReproducible,
        ),
        (even[..900].to_owned(), LeftReason::Torn),
    ] {
        let slim = history.externalize(text.as_bytes()).await.unwrap();
        assert_eq!(*slim.bytes(), text);
        let left = &slim.report().left;
        assert_eq!((left.len(), left[0].reason), (1, reason));
        assert_eq!(left[0].class, MediaClass::NumberArray);
    }
}

/// More numbers than are kept in memory, whole, torn, and not of bytes after all.
#[tokio::test]
async fn large_arrays_go_through_a_file() {
    let store = InMemoryStorage::new();
    let history = history(&store);
    let bytes = bytes(5 << 20);
    let text = format!(r#"{{"image":{},"end":1}}"#, list(&bytes, ","));
    let (slim, paths) = round(&history, &text).await;
    assert_eq!(
        (paths, slim.len() < 1000),
        (vec!["/image".to_owned()], true)
    );
    for text in [
        &text[..text.len() - 12],
        &text.replace("],\"end", ",{}],\"end"),
    ] {
        let slim = history.externalize(text.as_bytes()).await.unwrap();
        assert!(slim.bytes() == text.as_bytes());
    }
}

/// A store may give all of its media in one piece, and each byte of it may be many in the text.
#[tokio::test]
async fn large_pieces_of_a_store_are_spelled_in_small_ones() {
    let store = InMemoryStorage::new();
    let history = history(&store);
    let bytes = bytes(200_000);
    for text in [
        map(&bytes).replace(',', &format!(",{}", " ".repeat(10))),
        list(&bytes, ","),
    ] {
        let slim = history.externalize(text.as_bytes()).await.unwrap();
        let reference = &slim.report().values[0].reference;
        let mut stored = store.retrieve(reference).await.unwrap().body.into_stream();
        let piece = next(&mut stored).await.unwrap().unwrap();
        assert_eq!(piece.len(), bytes.len());
        let body = history.restore_body(slim.bytes()).await.unwrap();
        let (mut body, mut whole, mut largest) = (body.into_stream(), Vec::new(), 0);
        while let Some(piece) = next(&mut body).await {
            let piece = piece.unwrap();
            largest = largest.max(piece.len());
            whole.extend_from_slice(&piece);
        }
        assert!(whole == text.as_bytes());
        assert!(largest <= text.len() / 10, "{largest} of {}", text.len());
    }
}

#[tokio::test]
async fn slim_arrays_are_forked_moved_and_refused_as_others_are() {
    let store = InMemoryStorage::new();
    let a = history(&store);
    let text = format!(r#"{{"image":{}}}"#, list(&bytes(600), ", "));
    let slim = a.externalize(text.as_bytes()).await.unwrap();
    let scope = Scope::User("b".parse().unwrap());
    let fork = a.fork(slim.bytes(), scope.clone(), MediaMetadata::new());
    let fork = fork.await.unwrap();
    let b = history(&store).with_scope(scope);
    assert_eq!(b.restore(&fork).await.unwrap(), text);
    // A slim history inside of a string, and in prose.
    let inner = std::str::from_utf8(slim.bytes()).unwrap();
    let nested = serde_json::to_string(inner).unwrap();
    let whole = a.restore(nested.as_bytes()).await.unwrap();
    let whole: String = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole, text);
    let pasted = inner.replace("{\"image\":\"", "{\"image\":\"see ");
    let whole = a.restore(pasted.as_bytes()).await.unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    assert!(
        whole["image"]
            .as_str()
            .unwrap()
            .starts_with("see [137, 80,")
    );
    // Media that is gone is named by its place.
    a.forget(slim.bytes()).await.unwrap();
    let error = a.restore(slim.bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    assert!(error.to_string().contains("/image"), "{error}");
}

/// A writer that knows how much it was given at once.
#[derive(Default)]
struct Pieces {
    all: Vec<u8>,
    largest: usize,
}

impl tokio::io::AsyncWrite for Pieces {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.all.extend_from_slice(bytes);
        self.largest = self.largest.max(bytes.len());
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Numbers far apart have a text that is many times as long as they are: it is never in memory at once.
#[tokio::test]
async fn what_is_given_back_is_written_in_pieces() {
    let store = InMemoryStorage::new();
    let numbers: Vec<u8> = (0..1_000_000).map(|at: u32| (at * 31) as u8).collect();
    let apart = format!(",\n{}", " ".repeat(60));
    // Not media; not an array of bytes after all; smaller than the threshold.
    for (end, threshold) in [("]", 0), (",300]", 0), ("]", 4096)] {
        let text = list(&numbers, &apart);
        let text = format!(
            "{{\"type\":\"Buffer\",\"data\":{}{end}}}",
            text.trim_end_matches(']')
        );
        let history = history(&store).with_threshold_kb(threshold);
        let mut pieces = Pieces::default();
        history
            .externalize_stream(text.as_bytes(), &mut pieces)
            .await
            .unwrap();
        assert!(pieces.largest <= 8 * 1024 * 1024, "{}", pieces.largest);
        if end != "]" || threshold > 0 {
            assert!(pieces.all == text.as_bytes(), "it came back changed");
        }
    }
}
