//! The servers: one of each in this process, started when the first test wants it, and a prefix of
//! its own in it for each place.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::memory::InMemory;
use object_store::prefix::PrefixStore;
use test_servers::azurite::Azurite;
use test_servers::gcs::GcsServer;
use test_servers::moto::Moto;
use test_servers::s3::{REGION, S3Server};
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

    /// A client for it. Connections belong to the runtime that made them, so that each test needs
    /// clients of its own.
    fn client(self) -> Arc<dyn ObjectStore> {
        let s3 = |endpoint: String, bucket: &str, key: &str, secret: &str| {
            AmazonS3Builder::new()
                .with_endpoint(endpoint)
                .with_allow_http(true)
                .with_region(REGION)
                .with_virtual_hosted_style_request(false)
                .with_bucket_name(bucket)
                .with_access_key_id(key)
                .with_secret_access_key(secret)
                .build()
        };
        match self {
            Self::S3 => {
                Arc::new(s3(S3.endpoint(), S3.bucket(), S3.access_key(), S3.secret_key()).unwrap())
            }
            Self::Moto => Arc::new(
                s3(
                    MOTO.endpoint(),
                    MOTO.bucket(),
                    MOTO.access_key(),
                    MOTO.secret_key(),
                )
                .unwrap(),
            ),
            Self::Azurite => Arc::new(
                MicrosoftAzureBuilder::new()
                    .with_endpoint(AZURITE.endpoint())
                    .with_allow_http(true)
                    .with_container_name(AZURITE.container())
                    .with_account(AZURITE.account())
                    .with_access_key(AZURITE.access_key())
                    .build()
                    .unwrap(),
            ),
            Self::Gcs => Arc::new(
                GoogleCloudStorageBuilder::new()
                    .with_bucket_name(GCS.bucket())
                    .with_service_account_key(GCS.service_account())
                    .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
                    .build()
                    .unwrap(),
            ),
        }
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
        Place::Prefix(self, format!("place-{number}"))
    }
}

/// Where one test keeps its objects.
pub(crate) enum Place {
    Prefix(Service, String),
    Memory(Arc<InMemory>),
}

impl Place {
    /// A client that sees this place only.
    pub(crate) fn client(&self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Prefix(service, prefix) => {
                Arc::new(PrefixStore::new(service.client(), prefix.as_str()))
            }
            Self::Memory(bucket) => Arc::clone(bucket) as Arc<dyn ObjectStore>,
        }
    }
}
