//! Forms that are all frame and no files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use media_http::{ResponseBody, UploadService};
use media_storage::{InMemoryStorage, MediaStorage as _, Scope};
use serde_json::Value;
use tower_service::Service as _;

use crate::support::png;
use crate::upload::site::{Users, code};

/// What a form that never ends sends, at most.
const ENDLESS: usize = 8 << 20;

/// Sends a form in pieces that are all ready at once. Returns the response, and how many bytes of the form were
/// taken before it.
async fn send(store: &InMemoryStorage, pieces: Vec<Bytes>) -> (Response<ResponseBody>, usize) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let pieces = stream::iter(pieces).map(move |piece| {
        counter.fetch_add(piece.len(), Ordering::SeqCst);
        Ok::<_, std::io::Error>(piece)
    });
    let request = Request::post("/upload")
        .header("x-user", "user-1")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::from_stream(pieces))
        .unwrap();
    let mut service = UploadService::new(store.clone(), Users);
    let response = service.call(request).await.unwrap();
    // What is taken after the response has no task to be taken by yet.
    (response, taken.load(Ordering::SeqCst))
}

async fn answer(store: &InMemoryStorage, pieces: Vec<Bytes>) -> (u16, Value, usize) {
    let (response, taken) = send(store, pieces).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap(), taken)
}

async fn stored(store: &InMemoryStorage) -> u64 {
    let inventory = store.inventory().unwrap();
    inventory.usage(Scope::All).await.unwrap().references
}

fn endless(start: &str, unit: &str) -> Vec<Bytes> {
    let piece = Bytes::from(unit.repeat(8192 / unit.len()));
    let count = ENDLESS / piece.len();
    let start = Bytes::copy_from_slice(start.as_bytes());
    std::iter::once(start)
        .chain(std::iter::repeat_n(piece, count))
        .collect()
}

#[tokio::test]
async fn a_form_without_end_is_refused_before_much_of_it_is_taken() {
    let store = InMemoryStorage::new();
    let field = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n";
    let file = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n";
    for (what, start, unit) in [
        ("no boundary", "", "a"),
        (
            "no boundary, and its beginning again and again",
            "",
            "\r\n--y",
        ),
        ("headers of a file", file, "X-Other: a\r\n"),
        ("one header", file, "X"),
        ("a field that is not a file", &format!("{field}\r\n"), "a"),
        (
            "fields that are not files",
            "",
            &format!("{field}\r\na\r\n"),
        ),
        ("padding of a boundary", "--x", " "),
    ] {
        let (status, body, taken) = answer(&store, endless(start, unit)).await;
        assert_eq!((status, code(&body)), (413, "too_large"), "{what}");
        assert!(taken < 256 * 1024, "{what}: {taken} bytes");
        // The same in one piece, as a body that was read whole.
        let whole = Bytes::from(endless(start, unit).concat());
        let (status, body, _) = answer(&store, vec![whole]).await;
        assert_eq!((status, code(&body)), (413, "too_large"), "{what}");
    }
    assert_eq!(stored(&store).await, 0);
}

/// A form with files of these sizes, each beside a field that is not a file.
fn form(sizes: &[usize]) -> Vec<u8> {
    let mut form = b"a preamble\r\n".to_vec();
    for size in sizes {
        form.extend(b"--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n");
        form.extend(vec![b'n'; 5000]);
        form.extend(
            b"\r\n--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n",
        );
        form.extend(png(*size));
        form.extend(b"\r\n");
    }
    form.extend(b"--x--\r\n");
    form
}

#[tokio::test]
async fn files_of_every_size_come_through_in_pieces_of_every_size() {
    for sizes in [
        &[300_000, 500_000, 200_000][..],
        &[60, 40_000, 70],
        &[900_000],
    ] {
        for piece in [700, 8192, 100_000, usize::MAX] {
            let store = InMemoryStorage::new();
            let pieces = form(sizes);
            let pieces = pieces.chunks(piece.min(pieces.len()));
            let pieces = pieces.map(Bytes::copy_from_slice).collect();
            let (status, body, _) = answer(&store, pieces).await;
            assert_eq!(status, 201, "{sizes:?} in pieces of {piece}: {body}");
            for (item, size) in body["items"].as_array().unwrap().iter().zip(sizes) {
                assert_eq!(item["size"], *size, "in pieces of {piece}");
            }
            assert_eq!(stored(&store).await, sizes.len() as u64);
        }
    }
}
