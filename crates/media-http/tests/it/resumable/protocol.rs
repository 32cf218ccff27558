//! The requests and responses of the protocol.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_http::SpoolOptions;
use media_storage::MediaStorageExt;
use media_types::StorageReference;
use reqwest::Method;

use super::site::{PART, chunks, header, site, status};
use crate::support::png;

#[tokio::test]
async fn the_protocol_is_followed_header_by_header() {
    let site = site(SpoolOptions::new()).await;
    let url = format!("{}/files", site.address);
    // Without a user, and without a version.
    let options = site
        .http
        .request(Method::OPTIONS, &url)
        .send()
        .await
        .unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(header(&options, "tus-version"), "1.0.0");
    let extensions = header(&options, "tus-extension");
    for extension in [
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
        "checksum",
    ] {
        assert!(extensions.split(',').any(|other| other == extension));
    }
    assert!(header(&options, "tus-checksum-algorithm").starts_with("sha1"));

    let bytes = png(3000);
    let metadata = format!(
        "filename {},filetype {},empty",
        STANDARD.encode("a/ph\u{f6}to.png"),
        STANDARD.encode("image/png")
    );
    let created = site.create(3000).header("upload-metadata", &metadata);
    let created = created.send().await.unwrap();
    assert_eq!(created.status(), 201);
    let path = header(&created, "location");
    assert!(path.starts_with("/files/") && path.len() == 39, "{path}");
    let expires = httpdate::parse_http_date(&header(&created, "upload-expires")).unwrap();
    let left = expires
        .duration_since(std::time::SystemTime::now())
        .unwrap();
    assert!(left > Duration::from_secs(23 * 3600) && left <= Duration::from_secs(24 * 3600));

    let head = site.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "upload-offset"), "0");
    assert_eq!(header(&head, "upload-length"), "3000");
    assert_eq!(header(&head, "upload-metadata"), metadata);
    assert_eq!(header(&head, "cache-control"), "no-store");
    let (early, body) = site.result(&path).await;
    assert_eq!(
        (early, body["error"]["code"].as_str()),
        (409, Some("incomplete"))
    );

    let first = site
        .patch(&path, 0, bytes[..1000].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 204);
    assert_eq!(header(&first, "upload-offset"), "1000");
    header(&first, "upload-expires");
    // By POST, as clients do that cannot send PATCH.
    let last = site
        .request(Method::POST, &path)
        .header("x-http-method-override", "PATCH")
        .header("content-type", PART)
        .header("upload-offset", 1000)
        .body(bytes[1000..].to_vec());
    let last = last.send().await.unwrap();
    assert_eq!(last.status(), 204);
    assert_eq!(header(&last, "upload-offset"), "3000");
    assert_eq!(site.offset(&path).await, 3000);

    assert_eq!(site.media(&path).await, bytes);
    let (_, body) = site.result(&path).await;
    let item = &body["items"][0];
    assert_eq!(item["mime_type"], "image/png");
    assert_eq!(item["size"], 3000);
    assert_eq!(item["filename"], "ph\u{f6}to.png");
    let reference: StorageReference = serde_json::from_value(item["reference"].clone()).unwrap();
    let stored = site.store.head(&reference).await.unwrap();
    assert_eq!(stored.metadata.user().unwrap().as_str(), "user-1");
    let read = site
        .http
        .get(item["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(read.bytes().await.unwrap(), bytes);
    // A last part that is sent again, because its response was lost, changes nothing.
    assert_eq!(status(site.patch(&path, 3000, "")).await, 204);
    assert_eq!(site.stored().await, 1);

    assert_eq!(status(site.request(Method::DELETE, &path)).await, 204);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    assert_eq!(site.stored().await, 1, "media stays");
    assert!(site.files().is_empty());
}

#[tokio::test]
async fn an_upload_can_begin_with_bytes() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let whole = site
        .create(5000)
        .header("content-type", PART)
        .body(bytes.clone());
    let whole = whole.send().await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), header(&whole, "upload-offset")),
        (201, "5000".into())
    );
    assert_eq!(site.media(&header(&whole, "location")).await, bytes);
    let part = site
        .create(5000)
        .header("content-type", PART)
        .body(bytes[..2000].to_vec());
    let part = part.send().await.unwrap();
    let path = header(&part, "location");
    assert_eq!(header(&part, "upload-offset"), "2000");
    assert_eq!(
        status(site.patch(&path, 2000, bytes[2000..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
    let too_much = site
        .create(10)
        .header("content-type", PART)
        .body(chunks(2, 10));
    assert_eq!(status(too_much).await, 413);
    assert_eq!(site.files().len(), 2, "the records of what was stored");
}

#[tokio::test]
async fn another_method_is_taken_from_a_header_of_post_only() {
    let site = site(SpoolOptions::new()).await;
    let path = site.begin(100).await;
    let overriding = |method: Method| {
        site.request(method, &path)
            .header("x-http-method-override", "DELETE")
    };
    assert_eq!(status(overriding(Method::HEAD)).await, 200);
    assert_eq!(site.offset(&path).await, 0);
    assert_eq!(status(overriding(Method::POST)).await, 204);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
}
