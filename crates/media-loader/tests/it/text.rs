//! Base64 text: whole, as a `data:` URI, in pieces.

use bytes::Bytes;
use futures_util::StreamExt as _;
use media_storage::StorageErrorKind;
use media_storage_testkit::{Call, Fault};
use media_types::{MediaContent, Mime, base64};

use crate::{png, stored, with_store};

#[tokio::test]
async fn text_is_exact_in_length_and_content() {
    let (store, loader) = with_store();
    for len in [0, 1, 2, 3, 49_151, 49_152, 49_153, 1_000_001] {
        let bytes = png(len);
        let expected = base64::encode(&bytes);
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes.clone());
        for content in [inline, stored(&store, &bytes).await] {
            let text = loader.base64(&content).await.unwrap();
            assert!(text == expected, "{len} bytes");
            assert_eq!(text.capacity(), text.len());
            let uri = loader.data_uri(&content).await.unwrap();
            assert!(uri.strip_prefix("data:image/png;base64,") == Some(expected.as_str()));
            assert_eq!(uri.capacity(), uri.len());

            let mut stream = loader.base64_stream(&content).await.unwrap();
            assert_eq!(stream.len(), expected.len() as u64);
            assert_eq!(stream.is_empty(), len == 0);
            assert_eq!(stream.mime(), &Mime::IMAGE_PNG);
            let mut all = Vec::new();
            while let Some(piece) = stream.next().await {
                let piece: Bytes = piece.unwrap();
                assert!((1..=64 * 1024 + 4).contains(&piece.len()));
                all.extend_from_slice(&piece);
            }
            assert!(all == expected.as_bytes());
        }
    }
}

#[tokio::test]
async fn an_error_in_the_body_ends_the_text() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(500_000)).await;
    store.inject(
        Fault::every(Call::Retrieve)
            .in_body(400_000)
            .fail(StorageErrorKind::Unavailable),
    );
    let mut stream = loader.base64_stream(&content).await.unwrap();
    let mut seen = 0;
    let error = loop {
        match stream.next().await.expect("an error before the end") {
            Ok(piece) => seen += piece.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(seen > 0 && seen < stream.len());
    assert!(error.is_retryable(), "{error:?}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn nothing_is_read_ahead_of_the_reader() {
    let (store, loader) = with_store();
    let bytes = png(5_000_000);
    let content = stored(&store, &bytes).await;
    // Broken far behind what is taken: a reader that ran ahead would meet it.
    store.inject(
        Fault::every(Call::Retrieve)
            .in_body(4_999_999)
            .fail(StorageErrorKind::Unavailable),
    );
    let mut stream = loader.base64_stream(&content).await.unwrap();
    for _ in 0..10 {
        stream.next().await.unwrap().unwrap();
    }
}
