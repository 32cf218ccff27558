//! Scripts of other origins.

use axum::Router;
use http::{HeaderName, HeaderValue, Method, header};
use media_http::{MediaService, ResumableUploadService, SpoolOptions, UploadService, UploadSpool};
use media_storage::{InMemoryStorage, MediaStorageExt as _, SignedUrlOptions};
use media_types::Mime;
use reqwest::{RequestBuilder, Response};
use tower_http::cors::CorsLayer;

use crate::support::{client, keys, noise, owned_by, png, serve};
use crate::upload::site::Users;

const ORIGIN: &str = "https://page.example";

/// The layer of `docs/serving.md`.
fn cors(origin: HeaderValue) -> CorsLayer {
    let names = |names: &[&'static str]| -> Vec<HeaderName> {
        names.iter().copied().map(HeaderName::from_static).collect()
    };
    let mut sent = names(&[
        "tus-resumable",
        "upload-length",
        "upload-offset",
        "upload-metadata",
        "upload-checksum",
        "x-http-method-override",
        "x-user",
    ]);
    sent.extend([header::CONTENT_TYPE, header::RANGE, header::IF_RANGE]);
    let mut read = names(&[
        "tus-resumable",
        "upload-length",
        "upload-offset",
        "upload-expires",
    ]);
    read.extend([header::LOCATION, header::CONTENT_RANGE, header::ETAG]);
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(sent)
        .expose_headers(read)
}

fn names(response: &Response, name: &str) -> Vec<String> {
    let values = response.headers()[name].to_str().unwrap().to_lowercase();
    values
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect()
}

async fn send(request: RequestBuilder, status: u16) -> Response {
    let response = request.header("origin", ORIGIN).send().await.unwrap();
    assert_eq!(response.status().as_u16(), status);
    let allowed = &response.headers()["access-control-allow-origin"];
    assert_eq!(allowed, ORIGIN);
    response
}

#[tokio::test]
async fn pages_of_another_origin_read_ranges_and_upload_in_parts() {
    let store = InMemoryStorage::new();
    let directory = tempfile::tempdir().unwrap();
    let spool = UploadSpool::open(directory.path(), SpoolOptions::new());
    let files =
        ResumableUploadService::new(store.clone(), Users, spool.await.unwrap(), "/files").unwrap();
    let media = MediaService::new(store.clone(), keys()).with_cross_origin(true);
    let router = Router::new()
        .nest_service("/media", media)
        .nest_service("/upload", UploadService::new(store.clone(), Users))
        .nest_service("/files", files)
        .layer(cors(HeaderValue::from_static(ORIGIN)));
    let address = serve(router).await;
    let http = client();

    // What a browser asks before it sends what a page could not send without a script.
    for (path, method, headers) in [
        ("/media/token/name", "GET", "range,if-range"),
        ("/upload/a.png", "PUT", "content-type"),
        (
            "/files",
            "POST",
            "tus-resumable,upload-length,upload-metadata",
        ),
        (
            "/files/1",
            "PATCH",
            "content-type,tus-resumable,upload-offset,upload-checksum",
        ),
        ("/files/1", "DELETE", "tus-resumable"),
    ] {
        let asked = http.request(Method::OPTIONS, format!("{address}{path}"));
        let asked = asked
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers);
        let answer = send(asked, 200).await;
        let methods = names(&answer, "access-control-allow-methods");
        assert!(methods.contains(&method.to_lowercase()), "{methods:?}");
        let allowed = names(&answer, "access-control-allow-headers");
        for header in headers.split(',') {
            assert!(
                allowed.iter().any(|name| name == header),
                "{path}: {header}"
            );
        }
    }

    let bytes = noise(1000);
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), owned_by("user-1"));
    let signer = media_http::LinkSigner::new(store.clone(), keys(), format!("{address}/media"));
    let link = signer.unwrap();
    let link = link
        .sign(&stored.await.unwrap(), SignedUrlOptions::new())
        .await;
    let asked = http
        .get(link.unwrap().url().as_str())
        .header("range", "bytes=0-9");
    let part = send(asked, 206).await;
    let read = names(&part, "access-control-expose-headers");
    assert!(read.iter().any(|name| name == "content-range"), "{read:?}");
    assert_eq!(
        part.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    assert_eq!(part.bytes().await.unwrap(), bytes[..10]);

    let begun = http
        .post(format!("{address}/files"))
        .header("x-user", "user-1")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "500");
    let begun = send(begun, 201).await;
    let read = names(&begun, "access-control-expose-headers");
    for header in ["location", "upload-expires", "tus-resumable"] {
        assert!(begun.headers().contains_key(header), "{header}");
        assert!(read.iter().any(|name| name == header), "{header}");
    }
    let location = begun.headers()["location"].to_str().unwrap();
    let part = http
        .patch(format!("{address}{location}"))
        .header("x-user", "user-1")
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", "0")
        .header("content-type", "application/offset+octet-stream")
        .body(png(500));
    let taken = send(part, 204).await;
    assert_eq!(taken.headers()["upload-offset"], "500");
}
