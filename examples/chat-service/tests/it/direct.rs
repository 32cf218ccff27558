//! Uploads from the browser straight to the bucket.

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use media_storage::{MediaStorage as _, Scope};
use media_store_object::ObjectMediaStore;
use media_types::base64;
use serde_json::{Value, json};
use test_servers::s3::{REGION, S3Server};

use crate::service::{Browser, Service, answer};

/// A service whose media is in a bucket, to which browsers upload.
struct Scene {
    server: S3Server,
    service: Service,
    settings: Vec<(&'static str, String)>,
    data: tempfile::TempDir,
}

/// Where uploads are that were not adopted.
const INBOX: &str = "media/.store/v2/inbox/";

/// Returns what a service is told of a bucket.
fn settings(server: &S3Server) -> Vec<(&'static str, String)> {
    vec![
        ("BUCKET_UPLOADS", "direct".to_owned()),
        ("MEDIA_BUCKET", format!("s3://{}/media", server.bucket())),
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", server.access_key().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key().to_owned()),
    ]
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(more: &[(&'static str, String)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = S3Server::start(data.path().join("bucket")).await.unwrap();
        let mut settings = settings(&server);
        settings.extend_from_slice(more);
        let service = Service::start_with(data.path(), "node-1", &settings);
        Self {
            server,
            service,
            settings,
            data,
        }
    }

    /// Does what is due, as a timer would.
    fn upkeep(&self) {
        Service::upkeep(self.data.path(), &self.settings);
    }

    /// Returns how many media items are in the bucket.
    async fn media(&self) -> u64 {
        let store = ObjectMediaStore::builder()
            .with_url(format!("s3://{}/media", self.server.bucket()))
            .with_option("endpoint", self.server.endpoint())
            .with_option("allow_http", "true")
            .with_option("aws_access_key_id", self.server.access_key())
            .with_option("secret_access_key", self.server.secret_key())
            .build()
            .await
            .unwrap();
        let inventory = store.inventory().unwrap();
        inventory.usage(Scope::All).await.unwrap().references
    }
}

/// A PNG of some size, of which nothing but its beginning is one.
fn png(edge: u32, len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend([edge.to_be_bytes(), edge.to_be_bytes()].concat());
    bytes.extend([8, 6, 0, 0, 0]);
    bytes.resize(len, 7);
    bytes
}

async fn announce(browser: &Browser, mime_type: &str, size: u64) -> (u16, Value) {
    let body = json!({"mime_type": mime_type, "size": size}).to_string();
    answer(browser.request(Method::POST, "/api/uploads").body(body)).await
}

async fn adopt(browser: &Browser, ticket: &Value) -> (u16, Value) {
    adopt_as(browser, ticket, "photo.png").await
}

async fn adopt_as(browser: &Browser, ticket: &Value, filename: &str) -> (u16, Value) {
    let body = json!({"ticket": ticket, "filename": filename}).to_string();
    let request = browser.request(Method::POST, "/api/uploads/adopt");
    answer(request.body(body)).await
}

/// Sends bytes as the page would, without any cookie.
async fn send(announced: &Value, bytes: Vec<u8>) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.put(announced["url"].as_str().unwrap()).body(bytes);
    for (name, value) in announced["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.send().await.unwrap().status().as_u16()
}

/// Announces an upload and sends it.
async fn sent(browser: &Browser, bytes: Vec<u8>) -> Value {
    let (status, announced) = announce(browser, "image/png", bytes.len() as u64).await;
    assert_eq!(status, 200, "{announced}");
    assert_eq!(send(&announced, bytes).await, 200);
    announced["ticket"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_to_the_bucket_becomes_media() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let bytes = png(600, 2000);
    let ticket = sent(&ann, bytes.clone()).await;
    assert_eq!(scene.media().await, 0);
    let (status, body) = adopt(&ann, &ticket).await;
    assert_eq!(status, 200, "{body}");
    let item = &body["items"][0];
    assert_eq!(item["mime_type"], "image/png");
    assert_eq!(item["size"], 2000);
    assert_eq!(item["filename"], "photo.png");
    let link = item["url"].as_str().unwrap();
    let link = link.strip_prefix(&scene.service.address).unwrap();
    let read = ann.request(Method::GET, link).send().await.unwrap();
    assert!(read.bytes().await.unwrap() == bytes, "the image is another");
    assert_eq!(adopt(&ann, &ticket).await.0, 404);
    assert_eq!(scene.media().await, 1);

    let id = ann.start().await;
    let told = ann.send(&id, "What is this?", &[item]).await;
    assert!(told.last().unwrap().is("done"), "{told:?}");
    // The page may send to the inbox of the bucket and nowhere else.
    let page = ann.request(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    let (endpoint, bucket) = (scene.server.endpoint(), scene.server.bucket());
    let inbox = format!("connect-src 'self' {endpoint}/{bucket}/{INBOX}");
    assert!(policy.ends_with(&inbox), "{policy}");
}

/// Returns when a ticket expires.
fn expiry(ticket: &Value) -> DateTime<Utc> {
    let (content, _) = ticket.as_str().unwrap().split_once('.').unwrap();
    let content = base64::decode(content.as_bytes()).unwrap();
    let content: Value = serde_json::from_slice(&content).unwrap();
    serde_json::from_value(content["expires_at"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_began_in_time_may_take_hours() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let before = Utc::now();
    let (_, announced) = announce(&ann, "image/png", 2000).await;
    let url = announced["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    let hours = expiry(&announced["ticket"]) - before;
    assert!(hours >= TimeDelta::hours(12), "{hours}");
    // What is adopted last is still in the inbox.
    assert_eq!(send(&announced, png(600, 2000)).await, 200);
    scene.server.age(INBOX, TimeDelta::hours(12));
    scene.upkeep();
    assert_eq!(adopt(&ann, &announced["ticket"]).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_user_may_send_and_adopt_again_until_the_url_expires() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let (_, announced) = announce(&ann, "image/png", 2000).await;
    let ticket = &announced["ticket"];
    for times in 1..=2 {
        assert_eq!(send(&announced, png(600, 2000)).await, 200);
        assert_eq!(adopt(&ann, ticket).await.0, 200);
        assert_eq!(adopt(&ann, ticket).await.0, 404);
        assert_eq!(scene.media().await, times);
    }
    // Requests at the same time may make media more than once, and each says so.
    assert_eq!(send(&announced, png(600, 2000)).await, 200);
    let (one, other) = tokio::join!(adopt(&ann, ticket), adopt(&ann, ticket));
    let adopted = [one.0, other.0]
        .iter()
        .filter(|status| **status == 200)
        .count();
    assert!(adopted >= 1, "{one:?}, {other:?}");
    assert_eq!(scene.media().await, 2 + adopted as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_files_lead_nowhere() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    for (name, expected) in [
        ("../../etc/passwd.png", "passwd.png".into()),
        ("a\u{0}\r\nb.png", "ab.png".into()),
        ("..", Value::Null),
    ] {
        let ticket = sent(&ann, png(600, 2000)).await;
        let (status, body) = adopt_as(&ann, &ticket, name).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["items"][0]["filename"], expected, "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_announces_a_bounded_number_of_uploads() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let ben = Browser::open(&scene.service).await;
    for _ in 0..100 {
        assert_eq!(announce(&ann, "image/png", 2000).await.0, 200);
    }
    let body = json!({"mime_type": "image/png", "size": 2000}).to_string();
    let request = ann.request(Method::POST, "/api/uploads").body(body);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait = refused.headers()["retry-after"].to_str().unwrap();
    assert!((1..=900).contains(&wait.parse().unwrap()), "{wait}");
    assert_eq!(announce(&ben, "image/png", 2000).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_others_and_forged_ones_lead_nowhere() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let ben = Browser::open(&scene.service).await;
    let ticket = sent(&ann, png(600, 2000)).await;
    let text = ticket.as_str().unwrap();
    let (content, mac) = text.split_once('.').unwrap();
    let forged = [
        String::new(),
        content.to_owned(),
        format!("{content}."),
        format!("{mac}.{content}"),
        format!("{content}.{}", mac.to_lowercase()),
    ];
    for forged in forged {
        assert_eq!(adopt(&ann, &forged.into()).await.0, 404);
    }
    assert_eq!(adopt(&ben, &ticket).await.0, 404);
    let unsigned = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/api/uploads", "/api/uploads/adopt"] {
        let request = unsigned.post(format!("{}{path}", scene.service.address));
        assert_eq!(answer(request.body("{}")).await.0, 401);
        let request = ann.request(Method::POST, path).body("{");
        assert_eq!(answer(request).await.0, 400);
    }
    assert_eq!(scene.media().await, 0);
    // It still is its owner's.
    assert_eq!(adopt(&ann, &ticket).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_announced_is_not_stored() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    for (mime_type, size, expected) in [
        ("image/svg+xml", 100, 415),
        ("text/html", 100, 415),
        ("text/plain", 100, 415),
        ("application/zip", 100, 415),
        ("image/png", 0, 415),
        ("image/png", 501 << 20, 413),
    ] {
        let (status, body) = announce(&ann, mime_type, size).await;
        assert_eq!(status, expected, "{mime_type}, {size}: {body}");
    }
    let (_, announced) = announce(&ann, "image/png", 2000).await;
    assert_eq!(
        adopt(&ann, &announced["ticket"]).await.0,
        404,
        "nothing was sent"
    );
    let status = send(&announced, png(600, 2001)).await;
    assert!((400..500).contains(&status), "another size: {status}");
    // Other bytes of the announced size: a page, and an image that nothing would decode.
    let mut page = b"<html><script>alert(1)</script>".to_vec();
    page.resize(2000, b' ');
    for (bytes, expected) in [(page, 415), (png(60_000, 2000), 413)] {
        let ticket = sent(&ann, bytes).await;
        let (status, body) = adopt(&ann, &ticket).await;
        assert_eq!(status, expected, "{body}");
        assert_eq!(adopt(&ann, &ticket).await.0, 404);
    }
    assert_eq!(scene.media().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_adopted_for_a_user_who_was_erased() {
    let scene = Scene::start().await;
    let ann = Browser::open(&scene.service).await;
    let ticket = sent(&ann, png(600, 2000)).await;
    let (status, receipt) = ann.delete("/api/me").await;
    assert_eq!(status, 200, "{receipt}");
    assert_eq!(adopt(&ann, &ticket).await.0, 404);
    assert_eq!(announce(&ann, "image/png", 2000).await.0, 403);
    assert_eq!(scene.media().await, 0);
    // What was sent stays where nobody can read it, for a day.
    scene.upkeep();
    assert_eq!(scene.server.keys(INBOX).len(), 1);
    scene.server.age(INBOX, TimeDelta::hours(25));
    scene.upkeep();
    assert_eq!(scene.server.keys(INBOX), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_takes_uploads_of_browsers_if_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let server = S3Server::start(data.path().join("bucket")).await.unwrap();
    let mut settings = settings(&server);
    settings.retain(|(name, _)| *name != "BUCKET_UPLOADS");
    let service = Service::start_with(data.path(), "node-1", &settings);
    takes_no_direct_uploads(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_takes_no_direct_uploads() {
    let data = tempfile::tempdir().unwrap();
    takes_no_direct_uploads(&Service::start(data.path())).await;
}

async fn takes_no_direct_uploads(service: &Service) {
    let ann = Browser::open(service).await;
    assert_eq!(announce(&ann, "image/png", 2000).await.0, 204);
    assert_eq!(adopt(&ann, &"ticket".into()).await.0, 404);
    let page = ann.request(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("connect-src 'self'"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_has_room_in_the_quota_of_the_user() {
    let scene = Scene::start_with(&[("USER_QUOTA", "1".to_owned())]).await;
    let (ann, ben) = (
        Browser::open(&scene.service).await,
        Browser::open(&scene.service).await,
    );
    // What is refused takes no room.
    for (mime_type, size, expected) in [("image/heic", 700_000, 415), ("image/png", 501 << 20, 413)]
    {
        let (status, body) = announce(&ann, mime_type, size).await;
        assert_eq!(status, expected, "{body}");
        assert_ne!(body["error"]["kind"], "quota_exceeded", "{mime_type}");
    }
    let (status, body) = announce(&ann, "image/png", 700_000).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) = announce(&ann, "image/png", 400_000).await;
    let kind = &body["error"]["kind"];
    assert_eq!((status, kind), (413, &Value::from("quota_exceeded")));
    assert_eq!(announce(&ann, "image/png", 300_000).await.0, 200);
    assert_eq!(announce(&ben, "image/png", 700_000).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_at_the_same_time_have_room_together() {
    let scene = Scene::start_with(&[("USER_QUOTA", "1".to_owned())]).await;
    let ann = Browser::open(&scene.service).await;
    let announced = (0..50).map(|_| announce(&ann, "image/png", 200_000));
    let announced = futures_util::future::join_all(announced).await;
    let taken = announced.iter().filter(|(status, _)| *status == 200);
    assert_eq!(taken.count(), 5, "{announced:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_adopted_late_or_again_has_room_in_the_quota_of_the_user() {
    let scene = Scene::start_with(&[("USER_QUOTA", "1".to_owned())]).await;
    let ann = Browser::open(&scene.service).await;
    let (_, announced) = announce(&ann, "image/png", 700_000).await;
    assert_eq!(send(&announced, png(600, 700_000)).await, 200);
    // Neither node knows of what the others reserved, as no later period does.
    let node = |name| Service::start_with(scene.data.path(), name, &scene.settings);
    let (second, third) = (node("node-2"), node("node-3"));
    let late = sent(&ann.at(&second), png(601, 700_000)).await;
    assert_eq!(adopt(&ann, &announced["ticket"]).await.0, 200);
    let refused = |(status, body): (u16, Value)| {
        let kind = &body["error"]["kind"];
        assert_eq!((status, kind), (413, &Value::from("quota_exceeded")));
    };
    refused(adopt(&ann.at(&third), &late).await);
    assert_eq!(send(&announced, png(602, 700_000)).await, 200);
    refused(adopt(&ann, &announced["ticket"]).await);
    assert_eq!(scene.media().await, 1);
}
