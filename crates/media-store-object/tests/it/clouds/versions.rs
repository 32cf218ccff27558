//! Buckets that keep deleted objects as versions.

use test_servers::s3::{S3Options, S3Server};

use super::{gcs_at, gcs_server, s3_at};

#[tokio::test]
async fn versioning_is_found_when_a_store_is_opened() {
    for versioning in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = S3Options::default();
        if versioning {
            options = options.with_versioning();
        }
        let server = S3Server::start_with(dir.path(), options).await.unwrap();
        // The note of the organization is written by the first and read by the second.
        for deduplication in [true, false, false] {
            let builder = s3_at(&server, &server.endpoint());
            let store = builder.with_deduplication(deduplication).build().await;
            assert_eq!(store.unwrap().keeps_versions(), versioning);
        }
    }
}

#[tokio::test]
async fn the_generations_of_gcs_are_not_versions() {
    let (server, _dir) = gcs_server().await;
    let store = gcs_at(&server).with_deduplication(true).build().await;
    assert!(!store.unwrap().keeps_versions());
}
