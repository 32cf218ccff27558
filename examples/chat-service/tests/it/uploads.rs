//! Large files, in parts.

use http::Method;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::service::{Browser, Service, answer};

const MIB: usize = 1 << 20;
const PART: &str = "application/offset+octet-stream";

/// A WAV file of noise.
fn sound(len: usize) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes.extend(noise.take(len - bytes.len()));
    bytes
}

fn request(browser: &Browser, method: Method, path: &str) -> RequestBuilder {
    let request = browser.request(method, path);
    request.header("tus-resumable", "1.0.0")
}

fn part(browser: &Browser, path: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
    request(browser, Method::PATCH, path)
        .header("content-type", PART)
        .header("upload-offset", offset)
        .body(bytes.to_vec())
}

async fn begin(browser: &Browser, len: usize) -> Response {
    let request = request(browser, Method::POST, "/files");
    // `tone.wav`
    let request = request.header("upload-metadata", "filename dG9uZS53YXY=");
    request.header("upload-length", len).send().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_on_after_the_service_was_killed_and_is_sent_with_a_message() {
    let data = tempfile::tempdir().unwrap();
    let mut service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    // More than one request may have.
    let bytes = sound(24 * MIB);
    let whole = browser.request(Method::PUT, "/upload/tone.wav");
    // The answer comes before the body, which the service does not read.
    let unsent = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let whole = whole.header("content-length", bytes.len());
    let whole = whole.body(reqwest::Body::wrap_stream(unsent));
    assert_eq!(status(whole).await, 413);
    let begun = begin(&browser, bytes.len()).await;
    assert_eq!(begun.status(), 201);
    let path = header(&begun, "location");
    for offset in [0, 8 * MIB] {
        let part = part(&browser, &path, offset, &bytes[offset..offset + 8 * MIB]);
        assert_eq!(status(part).await, 204);
    }
    // Others do not find it.
    let other = Browser::open(&service).await;
    for method in [Method::HEAD, Method::GET, Method::DELETE] {
        assert_eq!(status(request(&other, method, &path)).await, 404);
    }
    service.process.kill().unwrap();
    service.process.wait().unwrap();

    let service = Service::start(data.path());
    let browser = browser.at(&service);
    let state = request(&browser, Method::HEAD, &path).send().await.unwrap();
    assert_eq!(state.status(), 200);
    let offset: usize = header(&state, "upload-offset").parse().unwrap();
    assert_eq!(offset, 16 * MIB);
    let last = part(&browser, &path, offset, &bytes[offset..]);
    assert_eq!(status(last).await, 204);
    let (code, body) = answer(request(&browser, Method::GET, &path)).await;
    assert_eq!(code, 200, "{body}");
    let item = &body["items"][0];
    assert_eq!(item["filename"], "tone.wav");
    assert_eq!(item["mime_type"], "audio/wav");

    let id = browser.start().await;
    let told = browser.send(&id, "What is this?", &[item]).await;
    assert!(told.last().unwrap().is("done"), "{told:?}");
    let (_, view) = browser.get(&format!("/api/conversations/{id}")).await;
    let parts = view["view"]["messages"].as_array().unwrap().iter();
    let mut parts = parts.flat_map(|message| message["parts"].as_array().unwrap());
    let media = parts.find(|part| part["type"] == "media").unwrap();
    let link = media["url"].as_str().unwrap();
    let link = link.strip_prefix(&service.address).unwrap();
    let read = browser.request(Method::GET, link).send().await.unwrap();
    assert!(read.bytes().await.unwrap() == bytes, "the sound is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_complete_goes_with_its_user() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let bytes = sound(300_000);
    let unsigned = reqwest::Client::builder().no_proxy().build().unwrap();
    let unsigned = unsigned.post(format!("{}/files", service.address));
    let unsigned = unsigned.header("tus-resumable", "1.0.0");
    assert_eq!(status(unsigned.header("upload-length", 9)).await, 401);
    assert_eq!(begin(&browser, 501 * MIB).await.status(), 413);
    let path = header(&begin(&browser, bytes.len()).await, "location");
    assert_eq!(
        status(part(&browser, &path, 0, &bytes[..200_000])).await,
        204
    );
    let left = || {
        let files = std::fs::read_dir(data.path().join("uploads")).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().file_name() != "lock")
            .count()
    };
    assert_eq!(left(), 2);
    let (code, receipt) = browser.delete("/api/me").await;
    assert_eq!(code, 200, "{receipt}");
    assert_eq!(left(), 0);
    let rest = part(&browser, &path, 200_000, &bytes[200_000..]);
    let (code, body) = answer(rest).await;
    assert_eq!(
        (code, &body["error"]["code"]),
        (403, &Value::from("forbidden"))
    );
    assert_eq!(begin(&browser, 300_000).await.status(), 403);
    let whole = browser.request(Method::PUT, "/upload/tone.wav");
    assert_eq!(status(whole.body(bytes)).await, 403);
}

/// Returns the files of media.
fn media(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => media(&path),
        false => usize::from(path.extension().is_some_and(|kind| kind == "png")),
    };
    paths.map(count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_nothing_would_decode_is_not_stored() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let image = |edge: u32| {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([edge.to_be_bytes(), edge.to_be_bytes()].concat());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes.resize(2000, 0);
        bytes
    };
    let bomb = image(60_000);
    let whole = browser.request(Method::PUT, "/upload/bomb.png");
    let (code, body) = answer(whole.body(bomb.clone())).await;
    assert_eq!(
        (code, &body["error"]["code"]),
        (413, &Value::from("too_large"))
    );
    let path = header(&begin(&browser, bomb.len()).await, "location");
    let (code, body) = answer(part(&browser, &path, 0, &bomb)).await;
    assert_eq!(
        (code, &body["error"]["code"]),
        (413, &Value::from("too_large"))
    );
    assert_eq!(status(request(&browser, Method::HEAD, &path)).await, 404);
    assert_eq!(media(&data.path().join("media")), 0);
    let whole = browser.request(Method::PUT, "/upload/small.png");
    assert_eq!(status(whole.body(image(600))).await, 201);
    assert_eq!(media(&data.path().join("media")), 1);
}
