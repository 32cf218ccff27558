//! Every command on buckets of each kind.

use test_servers::azurite::Azurite;
use test_servers::gcs::GcsServer;
use test_servers::proxy::{Exchange, Fault, FaultProxy, RequestPattern, Script};
use test_servers::s3::{REGION, S3Server};
use test_servers::tools;

use crate::copying::contents;
use crate::media::{Home, png};

/// A server, and a home whose environment leads to it.
pub(crate) async fn served() -> (S3Server, Home) {
    let objects = tempfile::tempdir().unwrap();
    let server = S3Server::start(objects.keep()).await.unwrap();
    let home = Home::new()
        .with_environment("AWS_ACCESS_KEY_ID", server.access_key())
        .with_environment("AWS_SECRET_ACCESS_KEY", server.secret_key())
        .with_environment("AWS_ENDPOINT_URL", &server.endpoint())
        .with_environment("AWS_REGION", REGION)
        .with_environment("AWS_ALLOW_HTTP", "true");
    (server, home)
}

/// Runs every command on stores in a bucket.
fn every_command(home: &Home, bucket: &str) {
    let url = &format!("{bucket}/media");
    home.run(&["ls", url])
        .ended(1)
        .says("no media store in this bucket");
    let id = home.put(url, "ada", "x.png", &png(20, 1));
    home.put(url, "bob", "y.png", &png(20, 1));
    let info = home.run(&["info", url, "--json"]).ended(0).one();
    assert_eq!(
        (&info["references"], &info["blobs"]),
        (&2.into(), &1.into())
    );
    assert_eq!(info["deduplication"], true);
    let of_ada = home.run(&["ls", url, "--user", "ada", "--json"]).ended(0);
    assert_eq!(of_ada.one()["id"], id.as_str());
    assert_eq!(home.run(&["du", url, "--json"]).ended(0).json().len(), 2);
    home.run(&["stat", url, &id]).ended(0);
    let cat = home.command(&["cat", url, &id]).output().unwrap();
    assert_eq!(cat.stdout, png(20, 1));
    let signed = home.run(&["url", url, &id, "--json"]).ended(0).one();
    assert!(signed["url"].as_str().unwrap().contains("ig"));
    let verified = home.run(&["verify", url, "--json"]).ended(0).one();
    let counts = (&verified["references"], &verified["read"]);
    assert_eq!(counts, (&2.into(), &2.into()));
    home.run(&["verify", url, "--read-data", "1%"]).ended(0);
    home.run(&["verify", url, "--quarantine"])
        .ended(1)
        .says("no quarantine");
    home.run(&["sweep", url, "--full"]).ended(0);
    home.run(&["dedup-index", url]).ended(0);
    home.run(&["report", url, "-O", "r.html"]).ended(0);
    home.run(&["metrics", url]).ended(0);
    home.run(&["get", url, &id, "-O", "out.png"]).ended(0);
    home.run(&["export", url, "--user", "ada", "-O", "a.tar"])
        .ended(0);
    home.run(&["rm", url, &id]).ended(0);
    assert_eq!(home.ids(url).len(), 2);

    // There and back: equal.
    home.run(&["copy", url, "disk", "--create"]).ended(0);
    home.put("disk", "eve", "z.bin", &vec![5; 100_000]);
    let there = &format!("{bucket}/there");
    home.run(&["copy", "disk", there, "--create", "--read-back"])
        .ended(0);
    home.run(&["verify", there]).ended(0);
    let again = home.run(&["copy", "disk", there, "--json"]).ended(0).one();
    assert_eq!(again["present"], 3);
    home.run(&["copy", there, "back", "--create"]).ended(0);
    assert_eq!(contents(home, "disk"), contents(home, "back"));
    assert_eq!(contents(home, "disk"), contents(home, there));
    assert_eq!(home.run(&["info", there, "--json"]).one()["blobs"], 2);

    home.run(&[
        "forget",
        there,
        "--user",
        "ada",
        "--receipt",
        "r.json",
        "--yes",
    ])
    .ended(0);
    let left = contents(home, there);
    assert!(!left.iter().any(|entry| entry.contains("ada")));
    home.run(&["rm", there, "--session", "s1", "--yes"])
        .ended(0);
    assert!(home.ids(there).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_on_s3() {
    let (server, home) = served().await;
    home.run(&["info", "s3://no-such-bucket/x"]).ended(1);
    every_command(&home, &format!("s3://{}", server.bucket()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_from_the_store_that_its_media_was_moved_to() {
    let (server, home) = served().await;
    let home = home.with_environment("MEDIA_HISTORY_KEY", "0123456789abcdef0123456789abcdef");
    let url = &format!("s3://{}/moved", server.bucket());
    let data = media_types::base64::encode(&png(40, 1));
    let text = format!("[{{\"image_url\":{{\"url\":\"data:image/png;base64,{data}\"}}}}]");
    home.file("h.json", text.as_bytes());
    let slim = [
        "history",
        "slim",
        "disk",
        "h.json",
        "--create",
        "--hot",
        "--threshold",
        "0",
    ];
    let ids = ["--user", "ada", "--session", "s", "--conversation", "c"];
    home.run(&[&slim[..], &ids].concat()).ended(0);
    home.run(&["copy", "disk", url, "--create"]).ended(0);
    let check = ["history", "check", url, "h.json", "--user", "ada"];
    home.run(&check).ended(2).says("backend is not configured");
    let moved = ["--moved-from", "file"];
    home.run(&[&check[..], &moved].concat()).ended(0);
    let fatten = ["history", "fatten", url, "h.json", "--hot", "--user", "ada"];
    home.run(&[&fatten[..], &moved].concat()).ended(0);
    assert_eq!(std::fs::read_to_string(home.path("h.json")).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_on_gcs() {
    let objects = tempfile::tempdir().unwrap();
    let server = GcsServer::start(objects.keep()).await.unwrap();
    let home = Home::new()
        .with_environment("GOOGLE_SERVICE_ACCOUNT_KEY", &server.service_account())
        .with_environment("GOOGLE_ALLOW_HTTP", "true");
    every_command(&home, &format!("gs://{}", server.bucket()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_on_azure() {
    if tools::without_services() {
        println!("NOT RUN: Azure needs Azurite ({})", tools::NO_SERVICES);
        return;
    }
    let server = Azurite::start().await.unwrap();
    let home = Home::new()
        .with_environment("AZURE_STORAGE_ACCOUNT_NAME", server.account())
        .with_environment("AZURE_STORAGE_ACCOUNT_KEY", server.access_key())
        .with_environment("AZURE_STORAGE_ENDPOINT", &server.endpoint())
        .with_environment("AZURE_ALLOW_HTTP", "true");
    every_command(&home, &format!("az://{}", server.container()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_command_writes_nothing_into_a_bucket() {
    let (server, home) = served().await;
    let url = format!("s3://{}", server.bucket());
    for command in ["info", "ls", "du", "verify", "metrics", "sweep"] {
        home.run(&[command, &url]).ended(1);
    }
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    home.put(&url, "ada", "x.txt", b"x");
    let home = home.with_environment("AWS_ENDPOINT_URL", &proxy.endpoint());
    for command in ["info", "ls", "du", "verify", "metrics"] {
        home.run(&[command, &url]).ended(0);
    }
    let writes: Vec<_> = proxy
        .exchanges()
        .into_iter()
        .filter(|exchange| !matches!(exchange.request.method().as_str(), "GET" | "HEAD"))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

/// The listing names it and its bytes are gone: that is no deletion.
#[tokio::test(flavor = "multi_thread")]
async fn media_whose_bytes_are_lost_is_a_failure_of_a_copy() {
    let (server, home) = served().await;
    let url = format!("s3://{}/media", server.bucket());
    home.put(&url, "ada", "x.bin", b"lost");
    let before = server.keys("media");
    home.put(&url, "bob", "y.bin", b"sound");
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let home = home.with_environment("AWS_ENDPOINT_URL", &proxy.endpoint());
    let blob = before
        .iter()
        .find(|key| key.contains("/blob/"))
        .unwrap_or_else(|| panic!("{before:?}"));
    let lost = RequestPattern::get(blob.as_str());
    proxy.set_script(Script::pass().always(lost, Fault::status(404)));
    let ran = home
        .run(&["copy", &url, "disk", "--create", "--json"])
        .ended(1);
    let told = ran.one();
    assert_eq!(
        (&told["copied"], &told["failed"], &told["present"]),
        (&1.into(), &1.into(), &0.into())
    );
}

/// A listing that ends with an error does not say that there is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn media_is_not_taken_for_missing_when_the_listing_fails() {
    let (server, home) = served().await;
    let url = format!("s3://{}/media", server.bucket());
    let id = home.put(&url, "ada", "x.txt", b"x");
    let name = id.rsplit('/').next().unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let home = home.with_environment("AWS_ENDPOINT_URL", &proxy.endpoint());
    home.run(&["stat", &url, name]).ended(0);
    // The last is of what is searched, those before it of opening the store.
    let is_listing = |exchange: &&Exchange| exchange.request.query().contains("list-type=2");
    let listings = proxy.exchanges().iter().filter(is_listing).count() as u64;
    let listing = RequestPattern::get("").with_query("list-type=2");
    let last = Script::pass().nth(listings - 1, listing, Fault::status(403));
    proxy.set_script(last);
    let ran = home.run(&["stat", &url, name]).ended(1);
    ran.says("failed to list");
}
