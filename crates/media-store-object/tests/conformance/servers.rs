//! The servers: one of each in this process, started when the first test wants it, and a place in it
//! for each test: a prefix where listing one costs what is in it, a bucket of its own where the
//! server looks through the whole bucket each time.

use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use media_storage_testkit::{HttpClient, HttpResponse};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use object_store::memory::InMemory;
use test_servers::azurite::Azurite;
use test_servers::gcs::{GcsServer, SIGNED_HOST};
use test_servers::moto::Moto;
use test_servers::s3::S3Server;
use test_servers::{ServerError, tools};
use tokio::runtime::Runtime;

/// Where the servers of this process live; tests come and go with runtimes of their own.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

fn start<T: Send + 'static>(
    server: impl Future<Output = Result<T, ServerError>> + Send + 'static,
) -> T {
    // On a thread of its own, as this is called from within other runtimes.
    let started = std::thread::spawn(|| RUNTIME.block_on(server)).join();
    started.unwrap().expect("the server starts")
}

fn directory(name: &str) -> std::path::PathBuf {
    let unique = format!("media-conformance-{name}-{}", std::process::id());
    std::env::temp_dir().join(unique)
}

static S3: LazyLock<S3Server> = LazyLock::new(|| start(S3Server::start(directory("s3"))));
static GCS: LazyLock<GcsServer> = LazyLock::new(|| start(GcsServer::start(directory("gcs"))));
static MOTO: LazyLock<Moto> = LazyLock::new(|| start(Moto::start()));
static AZURITE: LazyLock<Azurite> = LazyLock::new(|| start(Azurite::start()));

/// A service to run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Gcs,
    Moto,
    Azurite,
}

impl Service {
    fn is_from_outside(self) -> bool {
        matches!(self, Self::Moto | Self::Azurite)
    }

    /// Whether the server looks at the expiry of signed URLs.
    pub(crate) fn enforces_url_expiry(self) -> bool {
        self != Self::Moto
    }

    /// Whether scenarios repeat themselves less often than they would.
    pub(crate) fn is_slow(self) -> bool {
        self.is_from_outside() && std::env::var_os("MEDIA_CONFORMANCE_WHOLE").is_none()
    }

    /// A store at a place. Connections belong to the runtime that made them, so that each test
    /// needs stores of its own.
    fn builder(self, place: &str) -> ObjectMediaStoreBuilder {
        let s3 = |endpoint: String, bucket: &str, key: &str, secret: &str| {
            ObjectMediaStore::builder()
                .with_url(format!("s3://{bucket}/{place}"))
                .with_option("endpoint", endpoint)
                .with_option("access_key_id", key)
                .with_option("secret_access_key", secret)
        };
        let store = match self {
            Self::S3 => s3(S3.endpoint(), S3.bucket(), S3.access_key(), S3.secret_key()),
            Self::Moto => s3(MOTO.endpoint(), place, MOTO.access_key(), MOTO.secret_key()),
            Self::Azurite => ObjectMediaStore::builder()
                .with_url(format!("az://{place}/{place}"))
                .with_option("endpoint", AZURITE.endpoint())
                .with_option("account", AZURITE.account())
                .with_option("access_key", AZURITE.access_key()),
            Self::Gcs => ObjectMediaStore::builder()
                .with_url(format!("gs://{}/{place}", GCS.bucket()))
                .with_option("service_account_key", GCS.service_account()),
        };
        store.with_option("allow_http", "true")
    }

    /// A place that nobody else has.
    pub(crate) fn new_place(self) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        if self.is_from_outside() && tools::without_services() {
            // Past the capture of the test harness; nothing can be done where it is closed.
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN against {self:?} but in memory: {} is set",
                tools::NO_SERVICES
            );
            return Place::Memory(Arc::new(InMemory::new()));
        }
        let name = format!("place-{number}");
        let place = name.clone();
        match self {
            Self::Moto => {
                let moto = &*MOTO;
                start(async move { moto.create_bucket(&name).await });
            }
            Self::Azurite => {
                let azurite = &*AZURITE;
                start(async move { azurite.create_container(&name).await });
            }
            Self::S3 | Self::Gcs => {}
        }
        Place::Server(self, place)
    }
}

/// Where one test keeps its objects.
pub(crate) enum Place {
    Server(Service, String),
    Memory(Arc<InMemory>),
}

impl Place {
    /// A store here.
    pub(crate) fn builder(&self) -> ObjectMediaStoreBuilder {
        match self {
            Self::Server(service, place) => service.builder(place),
            Self::Memory(bucket) => {
                ObjectMediaStore::builder().with_object_store(Arc::clone(bucket) as _)
            }
        }
    }
}

/// Fetches signed URLs.
pub(crate) struct PlainClient;

#[async_trait]
impl HttpClient for PlainClient {
    async fn get(&self, url: &str) -> Result<HttpResponse, Box<dyn Error + Send + Sync>> {
        let url = match url.contains(SIGNED_HOST) {
            true => GCS.reachable(url),
            false => url.to_owned(),
        };
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(url).send().await?;
        let content_type = answer.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok(HttpResponse {
            status: answer.status().as_u16(),
            content_type: content_type.map(str::to_owned),
            body: answer.bytes().await?,
        })
    }
}
