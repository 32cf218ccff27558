//! What holds for every history: the same bytes come back, all media is found, nothing else is.

use std::pin::Pin;
use std::task::{Context, Poll};

use media_history::{History, HistoryKey};
use media_storage::{InMemoryStorage, MediaStorageExt as _, Scope};
use proptest::prelude::*;
use tokio::io::{AsyncRead, ReadBuf};

use crate::generate::{Generated, Random, generate, generate_with_numbers};

fn all(store: &InMemoryStorage) -> History {
    History::new(store, HistoryKey::new("a secret of sixteen bytes").unwrap())
        .with_scope(Scope::Session("session".parse().unwrap()))
        .with_threshold_kb(0)
        .with_short_values(true)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Reads in pieces of uneven sizes.
struct Pieces<'a>(&'a [u8], Random, usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let most = self.2;
        let len = (1 + self.1.below(most))
            .min(self.0.len())
            .min(buffer.remaining());
        let (now, later) = self.0.split_at(len);
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

async fn check(seed: u64) {
    let store = InMemoryStorage::new();
    check_with(&store, all(&store), generate(seed), seed).await;
}

async fn check_numbers(seed: u64) {
    let store = InMemoryStorage::new();
    let history = all(&store).with_number_arrays(true);
    check_with(&store, history, generate_with_numbers(seed), seed).await;
}

async fn check_with(store: &InMemoryStorage, history: History, generated: Generated, seed: u64) {
    let Generated { text, media } = generated;
    let slim = history.externalize(&text).await.unwrap();
    let report = slim.report();
    let found: Vec<_> = report
        .values
        .iter()
        .map(|value| (value.document, value.path.clone(), value.bytes))
        .collect();
    let known: Vec<_> = media
        .iter()
        .map(|(document, path, bytes)| (*document, path.clone(), bytes.len() as u64))
        .collect();
    assert_eq!(found, known, "seed {seed}");
    assert_eq!(report.fault, None, "seed {seed}");
    for (value, (_, _, bytes)) in report.values.iter().zip(&media) {
        let stored = store
            .retrieve_bytes(&value.reference, 1 << 20)
            .await
            .unwrap();
        assert!(stored == *bytes, "seed {seed}");
    }
    let whole = history.restore(slim.bytes()).await.unwrap();
    assert!(whole == text, "seed {seed}");
    let again = history.externalize(slim.bytes()).await.unwrap();
    assert!(again.bytes() == slim.bytes(), "seed {seed}");
    let body = history.restore_body(slim.bytes()).await.unwrap();
    assert_eq!(body.len(), Some(text.len() as u64));
    assert!(body.bytes(1 << 24).await.unwrap() == text, "seed {seed}");
}

#[test]
fn generated_histories_give_up_all_their_media_and_come_back() {
    for seed in 0..400 {
        block_on(check(seed));
        block_on(check_numbers(seed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_generated_history(seed: u64) {
        block_on(check(seed));
    }

    #[test]
    fn any_generated_history_with_numbers(seed: u64) {
        block_on(check_numbers(seed));
    }

    /// What is found does not depend on how the text arrives.
    #[test]
    fn pieces_give_the_same_result(seed: u64, most in 1_usize..50) {
        block_on(async {
            let Generated { text, .. } = generate_with_numbers(seed);
            let store = InMemoryStorage::new();
            let all = all(&store).with_number_arrays(true);
            let whole = all.externalize(&text).await.unwrap();
            let history = all.with_known(whole.bytes()).unwrap();
            let mut slim = Vec::new();
            let reader = Pieces(&text, Random::new(seed), most);
            let report = history.externalize_stream(reader, &mut slim).await.unwrap();
            // References of known bytes are used again.
            assert_eq!(report.totals.stored, 0);
            assert!(slim == *whole.bytes());
            let (mut restored, reader) = (Vec::new(), Pieces(&slim, Random::new(!seed), most));
            history.restore_stream(reader, &mut restored).await.unwrap();
            assert!(restored == text);
        });
    }

    /// A history that is cut, or has bytes changed, comes back as it was.
    #[test]
    fn damaged_histories_come_back(seed: u64, cuts in proptest::collection::vec(any::<(u16, u8)>(), 0..4), end: u16) {
        block_on(async {
            let Generated { mut text, .. } = generate_with_numbers(seed);
            let len = text.len();
            if len > 0 {
                for (at, byte) in cuts {
                    text[at as usize % len] = byte;
                }
                text.truncate(len - end as usize % len);
            }
            let store = InMemoryStorage::new();
            let history = all(&store).with_opaque(true).with_number_arrays(true);
            let slim = history.externalize(&text).await.unwrap();
            assert!(history.restore(slim.bytes()).await.unwrap() == text);
            let again = history.externalize(slim.bytes()).await.unwrap();
            assert!(again.bytes() == slim.bytes());
        });
    }

    #[test]
    fn any_text_comes_back(text in r#"([\[\]{},:"\\/ n\n]|"data":|"blob":"|data:;base64,|[A-Za-z0-9+/=_-]{0,24}|\\u00[2-6][0-9a-f]|(\[|[0-9]{1,3}, ?){8,20}\]?|media-ref:v1:|true|é){0,60}"#) {
        block_on(async {
            let store = InMemoryStorage::new();
            let history = all(&store).with_opaque(true).with_number_arrays(true);
            let slim = history.externalize(text.as_bytes()).await.unwrap();
            assert_eq!(history.restore(slim.bytes()).await.unwrap(), text.as_bytes());
            let again = history.externalize(slim.bytes()).await.unwrap();
            assert_eq!(again.bytes(), slim.bytes());
        });
    }
}

/// Text that began like JSON and is read again as prose, where it stops being JSON right behind the
/// escape that ends a payload.
#[test]
fn an_escape_behind_media_is_kept_where_text_is_no_json() {
    let history = all(&InMemoryStorage::new());
    for text in [
        r#""{\"\":\"\",\"data:;base64,iVJggg\"d"#,
        r#"["[\"data:image/png;base64,iVJggg==\"} and more", 1]"#,
        r#"{"a":"{\"b\":\"data:image/png;base64,iVJggg==\"\n {"}"#,
    ] {
        block_on(async {
            let slim = history.externalize(text.as_bytes()).await.unwrap();
            assert_eq!(slim.report().values.len(), 1, "{text}");
            let whole = history.restore(slim.bytes()).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&whole), text);
        });
    }
}
