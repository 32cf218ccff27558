//! What is wrong with the settings is said in one sentence that names it, and no secret is told.

use media_storage::{MediaStorageExt as _, StorageError, StorageErrorKind as Kind};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use test_servers::proxy::{Answer, Fault, RequestPattern, Script};

use super::{Broken, azure_at, azurite, gcs_at, gcs_server, s3_at, s3_server, whole_text};
use crate::store::{about, noise, put};

const SECRET: &str = "hunter2hunter2";

/// Opening fails with a kind and these words, and the secret is nowhere.
async fn fails(builder: ObjectMediaStoreBuilder, kind: Kind, words: &str) -> StorageError {
    let shown = format!("{builder:?}");
    let error = builder.build().await.unwrap_err();
    let sentence = error.to_string();
    assert_eq!(error.kind(), kind, "{}", whole_text(&error));
    assert!(sentence.contains(words), "{sentence} lacks {words:?}");
    assert!(
        sentence.len() < 300 && !sentence.contains('\n'),
        "{sentence}"
    );
    let whole = whole_text(&error);
    for secret in [
        SECRET,
        "test-secret-key",
        "test-access-key",
        "Signature=",
        "127.0.0.1",
    ] {
        assert!(!whole.contains(secret), "{secret} in {whole}");
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    error
}

fn s3() -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_url("s3://media")
        .with_option("access_key_id", "test-access-key")
        .with_option("secret_access_key", SECRET)
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_a_request() {
    let config = Kind::Config;
    fails(ObjectMediaStore::builder(), config, "no URL").await;
    fails(
        s3().with_option("regoin", "x"),
        config,
        "did you mean \"region\"?",
    )
    .await;
    fails(
        s3().with_option("quux", SECRET),
        config,
        "s3 has no option \"quux\"",
    )
    .await;
    fails(
        s3().with_option("allow_http", SECRET),
        config,
        "allow_http must be true or false",
    )
    .await;
    fails(
        s3().with_option("read_timeout", SECRET),
        config,
        "read_timeout must be a duration",
    )
    .await;
    fails(
        s3().with_option("bucket", "other"),
        config,
        "the URL names the bucket",
    )
    .await;
    fails(
        s3().with_option("endpoint", "minio:9000"),
        config,
        "no scheme",
    )
    .await;
    fails(
        s3().with_option("endpoint", "http://minio:9000"),
        config,
        "allow_http",
    )
    .await;
    let with_password = format!("https://me:{SECRET}@minio");
    fails(
        s3().with_option("endpoint", with_password),
        config,
        "carries credentials",
    )
    .await;
    fails(
        s3().with_public_endpoint("cdn.example"),
        config,
        "the public endpoint has no scheme",
    )
    .await;
    fails(s3().with_url("s3://media/a/../b"), config, "`..`").await;
    fails(
        s3().with_url(format!("s3://me:{SECRET}@media")),
        config,
        "carries credentials",
    )
    .await;
    let keyless = || ObjectMediaStore::builder().with_url("s3://media");
    let no_secret = keyless().with_option("access_key_id", "test-access-key");
    fails(no_secret, config, "secret_access_key").await;
    fails(
        keyless().with_option("secret_key", SECRET),
        config,
        "access_key_id",
    )
    .await;
    fails(
        keyless().with_option("endpoint", "https://minio"),
        config,
        "no credentials",
    )
    .await;

    let gcs = || ObjectMediaStore::builder().with_url("gs://media");
    fails(
        gcs().with_option("service_account_key", SECRET),
        config,
        "not the JSON",
    )
    .await;
    let no_key = format!("{{\"private_key\": \"\", \"client_email\": \"{SECRET}\"}}");
    fails(
        gcs().with_option("service_account_key", no_key),
        config,
        "lacks client_email",
    )
    .await;
    fails(
        gcs().with_option("service_account", "/nowhere"),
        config,
        "failed to read",
    )
    .await;

    let azure = || ObjectMediaStore::builder().with_url("az://media");
    fails(azure(), config, "no storage account").await;
    let wrong_key = azure()
        .with_option("account", "a")
        .with_option("account_key", SECRET);
    fails(
        wrong_key.with_option("account_key", "-"),
        config,
        "not valid base64",
    )
    .await;
}

/// A line break at the end of a key is what reading it from a file leaves; in a header or a URL it
/// cannot be sent.
#[tokio::test]
async fn line_breaks_in_keys_tokens_and_regions_are_refused() {
    let gcs = || ObjectMediaStore::builder().with_url("gs://media");
    let azure = || {
        ObjectMediaStore::builder()
            .with_url("az://media")
            .with_option("account", "acme")
    };
    for line_break in ["\n", "\r\n", "\r"] {
        let value = format!("{SECRET}{line_break}");
        for (builder, option) in [
            (s3(), "access_key_id"),
            (s3(), "secret_access_key"),
            (s3(), "session_token"),
            (s3(), "region"),
            (s3(), "endpoint"),
            (s3(), "sse_customer_key_base64"),
            (gcs(), "bearer_token"),
            (gcs(), "service_account_path"),
            (azure(), "account_key"),
            (azure(), "token"),
            (azure(), "sas_token"),
            (azure(), "client_secret"),
        ] {
            let builder = builder.with_option(option, value.clone());
            let words = format!("the option {option} must be text without line breaks");
            fails(builder, Kind::Config, &words).await;
        }
    }
}

/// All spellings are in the tests of the URL; here the whole error and the builder are looked at.
#[tokio::test]
async fn credentials_in_a_url_are_not_repeated() {
    for url in [
        format!("s3://id:{SECRET}@media/x"),
        format!("s3://id:/{SECRET}@media/x"),
        format!("s3://id:{SECRET}/@media/x"),
        format!("id:{SECRET}@s3://media"),
        format!("az://id:{SECRET}/x@acme.blob.core.windows.net"),
        format!("https://id:{SECRET}/x@s3.example/media"),
    ] {
        fails(s3().with_url(url), Kind::Config, "URL").await;
    }
    let swapped = s3().with_option(format!("{SECRET}/{SECRET}"), "secret_access_key");
    fails(swapped, Kind::Config, "s3 has no option of the given name").await;
}

#[tokio::test]
async fn s3_says_what_is_wrong() {
    let (server, _dir) = s3_server().await;
    let at = || s3_at(&server, &server.endpoint());
    for deduplication in [true, false] {
        let at = || at().with_deduplication(deduplication);
        fails(
            at().with_url("s3://nobody"),
            Kind::Config,
            "the bucket does not exist",
        )
        .await;
        let key = at().with_option("access_key_id", "other");
        fails(key, Kind::Config, "does not know the access key id").await;
        let secret = at().with_option("secret_access_key", SECRET);
        fails(
            secret,
            Kind::Config,
            "the secret access key does not belong",
        )
        .await;
        // Nobody listens there.
        let nobody = at().with_option("endpoint", "http://127.0.0.1:1");
        fails(
            nobody.with_option("max_retries", "0"),
            Kind::Unavailable,
            "unavailable",
        )
        .await;
    }
}

#[tokio::test]
async fn regions_and_clocks_that_are_wrong() {
    let broken = Broken::start().await;
    for (status, code, words) in [
        (403, "RequestTimeTooSkewed", "clock"),
        (400, "AuthorizationHeaderMalformed", "region"),
        (400, "IllegalLocationConstraintException", "region"),
        (301, "PermanentRedirect", "region"),
        (400, "ExpiredToken", "the temporary credential has expired"),
        (403, "InvalidToken", "session token"),
    ] {
        let answer = Answer::new(status).with_code(code);
        let script = Script::pass().always(RequestPattern::any(), Fault::Answer(answer));
        broken.proxy.set_script(script);
        fails(broken.builder(), Kind::Config, words).await;
        fails(
            broken.builder().with_deduplication(true),
            Kind::Config,
            words,
        )
        .await;
    }
}

/// A pattern for each verb, and what the credential may not do.
fn forbidden() -> [(RequestPattern, &'static str); 3] {
    [
        (RequestPattern::put(""), "may not write"),
        (
            RequestPattern::get("").with_query("list-type=2"),
            "may not list",
        ),
        (RequestPattern::delete(""), "may not delete"),
    ]
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_at_opening() {
    let broken = Broken::start().await;
    for (pattern, words) in forbidden() {
        broken
            .proxy
            .set_script(Script::pass().always(pattern, Fault::status(403)));
        fails(
            broken.builder().with_deduplication(true),
            Kind::Permission,
            words,
        )
        .await;
        // One reference per object needs none of them to open.
        broken.builder().build().await.unwrap();
    }
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_when_it_is_needed() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    let reference = put(&store, &noise(1, 100)).await;
    let refuse = |pattern| {
        broken
            .proxy
            .set_script(Script::pass().always(pattern, Fault::status(403)));
    };
    let check = |error: StorageError, words: &str| {
        assert_eq!(error.kind(), Kind::Permission);
        assert!(error.to_string().contains(words), "{error}");
    };
    refuse(RequestPattern::put(""));
    let bytes = noise(2, 100);
    let stored = store.store_bytes(media_types::Mime::IMAGE_PNG, bytes, about("conv-1"));
    check(stored.await.unwrap_err(), "may not write");
    refuse(RequestPattern::get(""));
    check(
        store.retrieve(&reference).await.unwrap_err(),
        "may not read",
    );
    refuse(RequestPattern::delete(""));
    check(
        store.delete(&reference).await.unwrap_err(),
        "may not delete",
    );
}

#[tokio::test]
async fn gcs_says_what_is_wrong() {
    let (server, _dir) = gcs_server().await;
    let nobody = gcs_at(&server).with_url("gs://nobody");
    fails(nobody, Kind::Config, "the bucket does not exist").await;
}

#[tokio::test]
async fn azure_says_what_is_wrong() {
    let Some(server) = azurite("azure_says_what_is_wrong").await else {
        return;
    };
    let nobody = azure_at(&server).with_url("az://nobody");
    fails(nobody, Kind::Config, "the container does not exist").await;
    let key = azure_at(&server).with_option("access_key", "aHVudGVyMg==");
    // The service itself says AuthenticationFailed here, which is Config; Azurite does not.
    fails(key, Kind::Permission, "the account key is wrong").await;
}

#[tokio::test]
async fn a_bucket_that_went_away_is_not_media_that_went_away() {
    let broken = Broken::start().await;
    let store = broken.builder().build().await.unwrap();
    let reference = put(&store, &noise(1, 100)).await;
    let answer = Answer::new(404).with_code("NoSuchBucket");
    let script = Script::pass().always(RequestPattern::any(), Fault::Answer(answer));
    broken.proxy.set_script(script);
    let error = store.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    let error = store.delete(&reference).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
}
