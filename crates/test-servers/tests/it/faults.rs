//! Each fault, seen by the client and at the server.

use std::time::{Duration, Instant};

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode};
use reqwest::StatusCode;
use tempfile::TempDir;
use test_servers::proxy::{Answer, Fault, FaultProxy, Gate, RequestPattern, Script};
use test_servers::s3::S3Server;

use crate::clients;

struct Rig {
    proxy: FaultProxy,
    /// Through the proxy, without retries.
    store: AmazonS3,
    /// Past it.
    direct: AmazonS3,
    server: S3Server,
    _dir: TempDir,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = S3Server::start(dir.path()).await.unwrap();
        let proxy = FaultProxy::start(server.address()).await.unwrap();
        Self {
            store: clients::s3_at(&server, &proxy.endpoint()),
            direct: clients::s3(&server),
            proxy,
            server,
            _dir: dir,
        }
    }

    fn next(&self, fault: Fault) {
        let script = Script::pass().first(1, RequestPattern::any(), fault);
        self.proxy.set_script(script);
    }

    async fn is_stored(&self, key: &str) -> bool {
        self.direct.head(&Path::from(key)).await.is_ok()
    }

    async fn put(&self, key: &str) -> Result<(), Error> {
        let key = Path::from(key);
        self.store.put(&key, "some bytes".into()).await.map(drop)
    }
}

const LONG: Duration = Duration::from_secs(120);

#[tokio::test]
async fn faults_before_the_server_leave_nothing_behind() {
    let rig = Rig::new().await;
    for fault in [
        Fault::ResetBeforeForward,
        Fault::status(500),
        Fault::TruncateRequest(4),
    ] {
        rig.next(fault.clone());
        rig.put("a").await.unwrap_err();
        assert!(!rig.is_stored("a").await, "{fault:?}");
        let last = rig.proxy.exchanges().pop().unwrap();
        assert_eq!(last.fault, fault.name());
        assert_eq!(last.upstream_status, None);
    }
    rig.put("a").await.unwrap();
    assert!(rig.is_stored("a").await);
}

#[tokio::test]
async fn faults_after_the_server_leave_the_client_in_the_dark() {
    let rig = Rig::new().await;
    let gate = Gate::new();
    for (key, fault) in [
        ("dropped", Fault::DropResponse),
        ("answered", Fault::status_after_forward(503)),
        ("held", Fault::HoldResponse(gate.clone())),
    ] {
        rig.next(fault);
        let put = rig.put(key);
        tokio::select! {
            outcome = put => { outcome.unwrap_err(); }
            () = gate.reached(1) => {}
        }
        assert!(rig.is_stored(key).await, "{key}");
        let last = rig.proxy.exchanges().pop().unwrap();
        assert_eq!(last.upstream_status, Some(StatusCode::OK), "{key}");
        assert_eq!(last.request_bytes, 10, "{key}");
    }
}

#[tokio::test]
async fn statuses_become_the_errors_that_clients_know() {
    let rig = Rig::new().await;
    rig.put("a").await.unwrap();
    let get = async |status| {
        rig.next(Fault::status(status));
        let error = rig.store.get(&Path::from("a")).await.unwrap_err();
        let last = rig.proxy.exchanges().pop().unwrap();
        assert_eq!(last.status.unwrap().as_u16(), status);
        error
    };
    assert!(matches!(get(403).await, Error::PermissionDenied { .. }));
    assert!(matches!(get(404).await, Error::NotFound { .. }));
    assert!(matches!(get(412).await, Error::Precondition { .. }));
    for status in [409, 429, 500, 503] {
        get(status).await;
    }
    let totals = rig.proxy.totals();
    assert_eq!((totals.requests, totals.faults), (8, 7));
}

#[tokio::test]
async fn retry_after_and_the_code_reach_the_client() {
    let rig = Rig::new().await;
    let answer = Answer::new(503).with_retry_after(7).with_code("Busy");
    rig.next(Fault::Answer(answer));
    let url = format!("{}/media/a", rig.proxy.endpoint());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "7");
    assert!(response.text().await.unwrap().contains("<Code>Busy</Code>"));
}

#[tokio::test]
async fn a_held_request_arrives_when_its_client_has_long_gone() {
    let rig = Rig::new().await;
    let gate = Gate::new();
    rig.next(Fault::HoldRequest(gate.clone()));
    tokio::select! {
        outcome = rig.put("late") => panic!("{outcome:?}"),
        () = gate.reached(1) => {}
    }
    assert!(!rig.is_stored("late").await);
    gate.release();
    assert!(rig.proxy.idle(LONG).await);
    assert!(rig.is_stored("late").await);
    let exchange = &rig.proxy.exchanges()[0];
    assert_eq!(exchange.request_bytes, 10);
    assert_eq!(exchange.upstream_status, Some(StatusCode::OK));
}

#[tokio::test]
async fn a_held_request_of_a_patient_client_is_answered() {
    let rig = Rig::new().await;
    let gate = Gate::new();
    rig.next(Fault::HoldRequest(gate.clone()));
    let release = async {
        gate.reached(1).await;
        gate.release();
    };
    let (outcome, ()) = tokio::join!(rig.put("a"), release);
    outcome.unwrap();
    for fault in [
        Fault::DelayRequest(Duration::from_millis(1)),
        Fault::DelayResponse(Duration::from_millis(1)),
    ] {
        rig.next(fault);
        rig.put("a").await.unwrap();
    }
}

#[tokio::test]
async fn a_hanging_request_never_reaches_the_server() {
    let rig = Rig::new().await;
    rig.next(Fault::Hang);
    let put = tokio::time::timeout(Duration::from_millis(300), rig.put("a")).await;
    assert!(put.is_err());
    assert!(rig.proxy.idle(LONG).await, "it ends with its client");
    assert!(!rig.is_stored("a").await);
}

#[tokio::test]
async fn a_cut_answer_is_noticed() {
    let rig = Rig::new().await;
    let key = Path::from("a");
    let bytes = vec![9; 100_000];
    rig.direct.put(&key, bytes.clone().into()).await.unwrap();
    for cut in [0, 1, 99_999] {
        rig.next(Fault::TruncateResponse(cut));
        let got = match rig.store.get(&key).await {
            Ok(got) => got.bytes().await.map(drop),
            Err(error) => Err(error),
        };
        got.unwrap_err();
        assert_eq!(rig.proxy.exchanges().pop().unwrap().response_bytes, cut);
    }
    let whole = rig.store.get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(whole, bytes);
}

#[tokio::test]
async fn slow_bodies_take_their_time_and_arrive_whole() {
    let rig = Rig::new().await;
    let key = Path::from("a");
    let bytes = vec![9; 50_000];
    let start = Instant::now();
    rig.next(Fault::SlowRequest(100_000));
    rig.store.put(&key, bytes.clone().into()).await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(400));
    let start = Instant::now();
    rig.next(Fault::SlowResponse(100_000));
    let got = rig.store.get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(got, bytes);
    assert!(start.elapsed() > Duration::from_millis(400));
}

#[tokio::test]
async fn rules_choose_by_method_path_header_and_count() {
    let rig = Rig::new().await;
    let creates = RequestPattern::put("/records/").with_header("if-none-match");
    rig.proxy.set_script(
        Script::pass()
            .nth(1, creates, Fault::status(412))
            .always(RequestPattern::s3_bulk_delete(), Fault::status(403)),
    );
    rig.put("records/0").await.unwrap();
    let create = async |key: &str| {
        let mode = PutMode::Create.into();
        let key = Path::from(key);
        rig.store.put_opts(&key, "x".into(), mode).await
    };
    create("records/1").await.unwrap();
    create("other/1").await.unwrap();
    let second = create("records/2").await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })));
    create("records/2").await.unwrap();
    let key = Path::from("records/0");
    assert!(rig.store.delete(&key).await.is_err());
    assert!(rig.is_stored("records/0").await);
}

#[tokio::test]
async fn a_closure_sees_each_request_and_its_number() {
    let rig = Rig::new().await;
    rig.proxy
        .set_script(|request: &test_servers::proxy::RequestHead, nth: u64| {
            if nth == 1 && request.path() == "/media/b c" {
                Fault::status(500)
            } else {
                Fault::Pass
            }
        });
    rig.put("a").await.unwrap();
    rig.put("b c").await.unwrap_err();
    rig.put("b c").await.unwrap();
}

#[tokio::test]
async fn another_server_can_take_over() {
    let rig = Rig::new().await;
    rig.put("a").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let second = S3Server::start(dir.path()).await.unwrap();
    rig.proxy.set_upstream(second.address());
    let Rig { server, store, .. } = &rig;
    let missing = store.get(&Path::from("a")).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    rig.proxy.set_upstream(server.address());
    store.get(&Path::from("a")).await.unwrap();
}
