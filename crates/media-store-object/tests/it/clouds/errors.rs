//! Failures of a service by kind, and how often is tried again.

use std::error::Error as _;

use media_storage::{MediaStorageExt as _, StorageErrorKind as Kind};
use media_store_object::ServiceFailure;
use test_servers::proxy::{Answer, Fault, RequestPattern, Script};

use super::{Broken, whole_text};
use crate::store::{about, holds, noise, put};

#[tokio::test]
async fn every_status_has_its_kind() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    let bytes = noise(1, 100_000);
    let reference = put(&store, &bytes).await;
    for (fault, kind, retryable) in [
        (Fault::status(403), Kind::Permission, false),
        (Fault::status(404), Kind::NotFound, false),
        (Fault::status(409), Kind::Unavailable, true),
        (Fault::status(412), Kind::Unavailable, true),
        (
            Fault::Answer(Answer::new(429).with_retry_after(1)),
            Kind::RateLimited,
            true,
        ),
        (Fault::status(500), Kind::Unavailable, true),
        (
            Fault::Answer(Answer::new(501).with_code("NotImplemented")),
            Kind::Unsupported,
            false,
        ),
        // The code of this answer is SlowDown.
        (Fault::status(503), Kind::RateLimited, true),
        (
            Fault::Answer(Answer::new(503).with_code("ServiceUnavailable")),
            Kind::Unavailable,
            true,
        ),
        (
            Fault::Answer(Answer::new(507).with_code("QuotaExceeded")),
            Kind::DiskSpace,
            false,
        ),
        (Fault::ResetBeforeForward, Kind::Unavailable, true),
        (Fault::DropResponse, Kind::Unavailable, true),
    ] {
        let name = format!("{fault:?}");
        let script = Script::pass().always(RequestPattern::get(""), fault);
        broken.proxy.set_script(script);
        let error = store.retrieve(&reference).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert_eq!(error.is_retryable(), retryable, "{name}");
        let whole = whole_text(&error);
        assert!(
            !whole.contains("127.0.0.1") && !whole.contains("test-"),
            "{whole}"
        );
    }
    broken.proxy.set_script(Script::pass());
    holds(&store, &reference, &bytes).await;
}

#[tokio::test]
async fn the_cause_is_what_the_service_said() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    let reference = put(&store, &noise(1, 100)).await;
    let script = Script::pass().always(RequestPattern::get(""), Fault::status(403));
    broken.proxy.set_script(script);
    let error = store.retrieve(&reference).await.unwrap_err();
    let failure = error
        .source()
        .unwrap()
        .downcast_ref::<ServiceFailure>()
        .unwrap();
    assert_eq!(failure.status(), Some(403));
    assert_eq!(failure.code(), Some("AccessDenied"));
    let text = failure.to_string();
    assert_eq!(
        text,
        "the service answered 403 AccessDenied: made up by the proxy"
    );
    assert!(!error.to_string().contains(&text));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let broken = Broken::start().await;
    let store = broken
        .builder()
        .with_option("max_retries", "3")
        .build()
        .await
        .unwrap();
    let bytes = noise(1, 100);
    let reference = put(&store, &bytes).await;
    let twice = Script::pass().first(2, RequestPattern::get(".meta"), Fault::status(503));
    broken.proxy.set_script(twice);
    holds(&store, &reference, &bytes).await;

    let requests = || broken.proxy.totals().requests;
    // Sidecar and bytes are asked for at once.
    for (status, wanted) in [(503, 8), (403, 2)] {
        let always = Script::pass().always(RequestPattern::any(), Fault::status(status));
        broken.proxy.set_script(always);
        let before = requests();
        store.retrieve(&reference).await.unwrap_err();
        assert_eq!(requests() - before, wanted, "{status}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_taken_for_whole() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    let bytes = noise(1, 300_000);
    let reference = put(&store, &bytes).await;
    let cut = Script::pass().always(RequestPattern::get(".png"), Fault::TruncateResponse(70_000));
    broken.proxy.set_script(cut);
    let read = store.retrieve_bytes(&reference, 1 << 20).await;
    // The service's own retries read the rest where they can.
    match read {
        Ok(read) => assert!(read == bytes),
        Err(error) => assert!(
            matches!(error.kind(), Kind::Unavailable | Kind::Corrupted),
            "{error}"
        ),
    }
}

#[tokio::test]
async fn a_store_that_fails_leaves_nothing_to_be_seen() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    for fault in [
        Fault::status(500),
        Fault::status_after_forward(500),
        Fault::ResetBeforeForward,
        Fault::DropResponse,
        Fault::TruncateRequest(10),
    ] {
        let name = format!("{fault:?}");
        let pattern = RequestPattern::put(".png").with_path(".png");
        broken
            .proxy
            .set_script(Script::pass().always(pattern, fault));
        let stored = store.store_bytes(media_types::Mime::IMAGE_PNG, noise(7, 5000), about("c"));
        let error = stored.await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{name}: {error}");
        broken.proxy.set_script(Script::pass());
        broken.proxy.idle(std::time::Duration::from_secs(5)).await;
        put(&store, &noise(8, 10)).await;
    }
}
