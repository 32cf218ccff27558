//! What the crate promises, one by one.

use media_history::{
    FaultKind, History, HistoryErrorKind, HistoryKey, LeftReason, OnMissing, UnresolvedReason,
};
use media_storage::{
    InMemoryStorage, Inventory as _, MediaMetadata, MediaStorageExt as _, ReadData, Scope,
    StorageErrorKind,
};
use media_types::base64;

fn user(id: &str) -> Scope {
    Scope::User(id.parse().unwrap())
}

fn of(store: &InMemoryStorage, id: &str) -> History {
    History::new(store, HistoryKey::new("a secret of sixteen bytes").unwrap())
        .with_scope(user(id))
        .with_threshold_kb(0)
}

fn bytes(seed: usize) -> Vec<u8> {
    (0..3000).map(|at| (at * seed + at / 7) as u8).collect()
}

fn image(seed: usize) -> String {
    format!(
        "{{\"type\":\"image\",\"data\":\"{}\"}}",
        base64::encode(&bytes(seed))
    )
}

async fn references(store: &InMemoryStorage) -> u64 {
    store.usage(Scope::All).await.unwrap().references
}

/// Line 1: what is not JSON comes back too, and is told.
#[tokio::test]
async fn text_that_is_not_json_is_copied_and_told() {
    let store = InMemoryStorage::new();
    let history = of(&store, "a");
    for (text, offset, kind, replaced) in [
        (
            format!("[{},oops,{}]", image(1), image(2)),
            4034,
            FaultKind::Unexpected,
            1,
        ),
        (format!("[{}", image(1)), 4032 - 4, FaultKind::Torn, 1),
        (image(1)[..3000].to_owned(), 3000, FaultKind::Torn, 0),
        (
            format!("{}\n{}\noops\n{}\n", image(1), image(2), image(3)),
            8058,
            FaultKind::Unexpected,
            3,
        ),
        (
            format!("{}\n{}\n{}\n", image(1), &image(2)[..999], image(3)),
            5028,
            FaultKind::Unexpected,
            2,
        ),
    ] {
        let slim = history.externalize(text.as_bytes()).await.unwrap();
        let fault = slim.report().fault.unwrap();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.offset.abs_diff(offset) < 10, "{fault}");
        assert_eq!(slim.report().totals.replaced, replaced, "{fault}");
        assert_eq!(history.restore(slim.bytes()).await.unwrap(), text);
    }
}

/// Line 2: between the placeholders, every byte is the same.
#[tokio::test]
async fn nothing_but_the_values_is_touched() {
    let data = base64::encode(&bytes(1));
    let text = format!(
        "\u{feff} {{ \"b\" : 1.50e+1,\"a\":\"\\u00e9\\/\", \"a\" :2,\r\n\t\"blob\":\"{data}\",\"x\":[ ]}}\n\n"
    );
    let slim = of(&InMemoryStorage::new(), "a")
        .externalize(text.as_bytes())
        .await
        .unwrap();
    let slim = String::from_utf8(slim.bytes().to_vec()).unwrap();
    let (before, after) = text.split_once(&data).unwrap();
    let placeholder = slim
        .strip_prefix(before)
        .unwrap()
        .strip_suffix(after)
        .unwrap();
    assert!(placeholder.starts_with("media-ref:v1:memory::") && !placeholder.contains('"'));
    assert!(placeholder.len() < 250, "{placeholder}");
}

/// Line 3: what encoding would not write stays, and is listed.
#[tokio::test]
async fn values_that_no_encoder_writes_are_left() {
    let data = base64::encode(&bytes(1));
    let with = |from: usize, what: &str| format!("{}{what}{}", &data[..from], &data[from..]);
    for value in [
        data.replacen('/', "\\/", 1),
        with(100, "\\n"),
        with(100, "\\u0041"),
        format!("{}AB=", &data[..data.len() - 4]),
    ] {
        let text = format!("{{\"type\":\"base64\",\"data\":\"{value}\"}}");
        let store = InMemoryStorage::new();
        let slim = of(&store, "a").externalize(text.as_bytes()).await.unwrap();
        assert_eq!(slim.bytes(), text.as_bytes());
        assert_eq!(references(&store).await, 0);
    }
    let uri = format!(
        "{{\"url\":\"data:image/png;base64,{}\"}}",
        data.replacen('/', "\\/", 1)
    );
    let slim = of(&InMemoryStorage::new(), "a")
        .externalize(uri.as_bytes())
        .await
        .unwrap();
    assert_eq!(slim.report().left[0].reason, LeftReason::NotReproducible);
    assert_eq!(slim.report().left[0].path, "/url");
}

/// Values below the threshold, or shorter than a placeholder, stay.
#[tokio::test]
async fn small_values_are_left() {
    let short = format!(
        "{{\"type\":\"base64\",\"data\":\"{}\"}}",
        base64::encode(&bytes(1)[..90])
    );
    let store = InMemoryStorage::new();
    for (history, text, reason) in [
        (
            of(&store, "a").with_threshold_kb(3),
            image(1),
            LeftReason::BelowThreshold,
        ),
        (of(&store, "a"), short, LeftReason::ShorterThanPlaceholder),
    ] {
        let slim = history.externalize(text.as_bytes()).await.unwrap();
        assert_eq!(slim.bytes(), text.as_bytes());
        assert_eq!(slim.report().left[0].reason, reason);
        assert_eq!(slim.report().left[0].path, "/data");
    }
    assert_eq!(references(&store).await, 0);
    let at_limit = format!("{{\"blob\":\"{}\"}}", base64::encode(&[7; 3 * 1024]));
    let history = of(&store, "a").with_threshold_kb(3);
    assert_eq!(
        history
            .externalize(at_limit.as_bytes())
            .await
            .unwrap()
            .report()
            .totals
            .replaced,
        1
    );
}

/// Line 5: a placeholder that does not resolve goes nowhere.
#[tokio::test]
async fn missing_media_fails_closed() {
    let store = InMemoryStorage::new();
    let history = of(&store, "a");
    let text = format!("{{\"messages\":[1,{{\"content\":[{}]}}]}}", image(1));
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    let reference = slim.report().values[0].reference.clone();
    store.delete(&reference).await.unwrap();
    let error = history.restore(slim.bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    assert_eq!(error.path(), Some("/messages/1/content/0/data"));
    assert_eq!(error.reference().unwrap().id(), reference.id());
    assert_eq!(
        error.storage_error().unwrap().kind(),
        StorageErrorKind::NotFound
    );
    let error = history.restore_body(slim.bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    let kept = history.clone().with_on_missing(OnMissing::Keep);
    assert_eq!(&kept.restore(slim.bytes()).await.unwrap(), slim.bytes());
    let report = history
        .check(slim.bytes(), ReadData::Everything)
        .await
        .unwrap();
    assert_eq!(report.unresolved[0].reason, UnresolvedReason::Missing);
    assert!(!report.is_sound());
}

/// Line 6: what one user pastes of another stays text.
#[tokio::test]
async fn placeholders_hold_for_their_owner_alone() {
    let store = InMemoryStorage::new();
    let (alice, bob) = (of(&store, "alice"), of(&store, "bob"));
    let slim = alice.externalize(image(1).as_bytes()).await.unwrap();
    assert_eq!(&bob.restore(slim.bytes()).await.unwrap(), slim.bytes());
    assert_eq!(bob.references(slim.bytes()).unwrap(), []);
    assert_eq!(bob.forget(slim.bytes()).await.unwrap().deleted, []);
    let report = bob.check(slim.bytes(), ReadData::Nothing).await.unwrap();
    assert_eq!(report.unresolved[0].reason, UnresolvedReason::NotOurs);
    assert_eq!(alice.restore(slim.bytes()).await.unwrap(), image(1));
    // Nor does a valid one of a wider scope reach another's media.
    let unscoped = of(&store, "x").unscoped();
    assert_eq!(&unscoped.restore(slim.bytes()).await.unwrap(), slim.bytes());
}

/// Retired keys verify as long as they are listed.
#[tokio::test]
async fn keys_can_be_changed() {
    let store = InMemoryStorage::new();
    let slim = of(&store, "a")
        .externalize(image(1).as_bytes())
        .await
        .unwrap();
    let new = HistoryKey::new("another secret of some length").unwrap();
    let history = |key| History::new(&store, key).with_scope(user("a"));
    let lost = history(new.clone()).restore(slim.bytes()).await.unwrap();
    assert_eq!(&lost, slim.bytes());
    let both = new.with_retired("a secret of sixteen bytes").unwrap();
    assert_eq!(history(both).restore(slim.bytes()).await.unwrap(), image(1));
}

/// Line 8: what fails leaves nothing behind.
#[tokio::test]
async fn a_store_that_fails_leaves_no_media_behind() {
    let store = InMemoryStorage::new().with_max_media_size(4000);
    let history = of(&store, "a");
    let large = base64::encode(&[1; 5000]);
    let text = format!("[{},{},{{\"blob\":\"{large}\"}}]", image(1), image(2));
    let error = history.externalize(text.as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Storage);
    assert_eq!(
        error.storage_error().unwrap().kind(),
        StorageErrorKind::TooLarge
    );
    assert_eq!(error.path(), Some("/2/blob"));
    assert_eq!(references(&store).await, 0);
}

/// Line 10: media belongs to its row.
#[tokio::test]
async fn rows_own_their_media() {
    let store = InMemoryStorage::new();
    let history = of(&store, "a");
    let old = history
        .externalize(format!("[{},{},{}]", image(1), image(2), image(1)).as_bytes())
        .await
        .unwrap();
    // Equal bytes of one history share a reference.
    assert_eq!(references(&store).await, 2);

    // A turn later: what is known is used again, what is new is stored.
    let turn = format!("[{},{},{}]", image(1), image(2), image(3));
    let with_known = history.clone().with_known(old.bytes()).unwrap();
    let new = with_known.externalize(turn.as_bytes()).await.unwrap();
    assert_eq!(
        (new.report().totals.replaced, new.report().totals.stored),
        (3, 1)
    );
    assert_eq!(references(&store).await, 3);

    // A row is replaced by one that names less.
    let less = with_known
        .externalize(format!("[{}]", image(2)).as_bytes())
        .await
        .unwrap();
    let report = history.replace(new.bytes(), less.bytes()).await.unwrap();
    assert_eq!((report.deleted.len(), report.kept), (2, 1));
    assert_eq!(references(&store).await, 1);

    // A copy of a row lives on its own.
    let metadata = MediaMetadata::new().with_user("b".parse().unwrap());
    let copy = history
        .fork(less.bytes(), user("b"), metadata)
        .await
        .unwrap();
    assert_eq!(references(&store).await, 2);
    let report = history.forget(less.bytes()).await.unwrap();
    assert_eq!(report.deleted.len(), 1);
    assert_eq!(history.forget(less.bytes()).await.unwrap().gone, 1);
    assert_eq!(
        of(&store, "b").restore(&copy).await.unwrap(),
        format!("[{}]", image(2))
    );

    // Media that is gone is not known any more.
    let again = with_known.externalize(turn.as_bytes()).await.unwrap();
    assert_eq!(again.report().totals.stored, 3);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let store = InMemoryStorage::new();
    let history = of(&store, "a");
    let text = format!("[{},{}]", image(1), image(2));
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    store
        .delete(&slim.report().values[1].reference)
        .await
        .unwrap();
    let error = history
        .fork(slim.bytes(), user("b"), MediaMetadata::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    assert_eq!(references(&store).await, 1);
}

#[tokio::test]
async fn depth_is_followed_without_recursion() {
    let (open, close) = ("[{\"a\":".repeat(5_000), "}]".repeat(5_000));
    let text = format!("{open}{}{close}", image(1));
    let history = of(&InMemoryStorage::new(), "a");
    let slim = history.externalize(text.as_bytes()).await.unwrap();
    assert_eq!(
        (slim.report().totals.replaced, slim.report().fault),
        (1, None)
    );
    assert_eq!(history.restore(slim.bytes()).await.unwrap(), text);
    let deeper = format!("{open}{open}");
    let slim = history.externalize(deeper.as_bytes()).await.unwrap();
    assert_eq!(slim.report().fault.unwrap().kind, FaultKind::TooDeep);
    assert_eq!(slim.bytes(), deeper.as_bytes());
}

#[tokio::test]
async fn typed_values_go_both_ways() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Part {
        mime_type: String,
        data: String,
    }
    let store = InMemoryStorage::new();
    let history = of(&store, "a");
    let part = Part {
        mime_type: "audio/pcm".into(),
        data: base64::encode(&bytes(5)),
    };
    let slim = history.externalize_typed(&part).await.unwrap();
    assert!(slim.data.starts_with("media-ref:v1:"));
    assert_eq!(history.restore_typed(&slim).await.unwrap(), part);
}

/// A type that is named after the data is the one that the media is stored with; where the bytes show
/// another, the report has both.
#[tokio::test]
async fn types_may_follow_the_data() {
    let store = InMemoryStorage::new();
    let png = [b"\x89PNG\r\n\x1a\n".to_vec(), bytes(1)].concat();
    let text = format!(
        "[{{\"blob\":\"{}\",\"mimeType\":\"audio/ogg\"}},{{\"blob\":\"{}\",\"mimeType\":\"image/webp\"}}]",
        base64::encode(&bytes(1)),
        base64::encode(&png)
    );
    let slim = of(&store, "a").externalize(text.as_bytes()).await.unwrap();
    let [one, other] = &slim.report().values[..] else {
        panic!("{}", slim.report());
    };
    assert_eq!((one.mime.as_str(), &one.late_type), ("audio/ogg", &None));
    assert_eq!(other.mime.as_str(), "image/png");
    assert_eq!(other.late_type.as_ref().unwrap().as_str(), "image/webp");
}

#[tokio::test]
async fn reports_serialize_and_display() {
    let text = format!("[{}]", image(1));
    let slim = of(&InMemoryStorage::new(), "a")
        .externalize(text.as_bytes())
        .await
        .unwrap();
    let report = serde_json::to_value(slim.report()).unwrap();
    assert_eq!(report["values"][0]["path"], "/0/data");
    assert_eq!(report["values"][0]["class"], "base64");
    assert_eq!(report["values"][0]["new"], true);
    assert_eq!(report["totals"]["media_bytes"], 3000);
    assert!(
        slim.report()
            .to_string()
            .starts_with("1 replaced (1 new, 2.93 KiB of media)")
    );
}
