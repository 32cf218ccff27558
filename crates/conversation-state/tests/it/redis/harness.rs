//! A prefix on the server of this process.

use std::sync::Arc;
use std::time::Duration;

use crate::servers::redis::Redis;
use ::redis::Cmd;
use async_trait::async_trait;
use conversation_state::conformance::Harness;
use conversation_state::*;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// One server for all tests of this process; it ends with it.
static SERVER: OnceCell<Redis> = OnceCell::const_new();
static CLUSTER: OnceCell<Redis> = OnceCell::const_new();

/// Settings of servers that are shared: a crash of the machine is no part of their tests.
const SHARED: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];

pub(crate) async fn server() -> &'static Redis {
    let start = || Redis::start_with(&SHARED);
    SERVER.get_or_init(start).await
}

/// Returns a server that is a whole cluster: it refuses scripts whose keys have not one hash tag.
pub(crate) async fn cluster() -> &'static Redis {
    let start = || async {
        let settings = [&SHARED[..], &["--cluster-enabled", "yes"]].concat();
        let server = Redis::start_with(&settings).await;
        let mut own = ::redis::cmd("CLUSTER");
        own.arg("ADDSLOTSRANGE").arg(0).arg(16_383);
        send::<()>(&server.url(), &own).await;
        let mut info = ::redis::cmd("CLUSTER");
        info.arg("INFO");
        while !send::<String>(&server.url(), &info)
            .await
            .contains("cluster_state:ok")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    };
    CLUSTER.get_or_init(start).await
}

/// Sends a command as somebody else would.
async fn send<T: ::redis::FromRedisValue>(url: &str, command: &Cmd) -> T {
    let client = ::redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

#[derive(Debug)]
pub(crate) struct RedisHarness {
    pub(crate) url: String,
    pub(crate) prefix: String,
    offset: ClockOffset,
}

impl RedisHarness {
    pub(crate) async fn new() -> Self {
        Self::at(server().await.url())
    }

    pub(crate) async fn in_cluster() -> Self {
        Self::at(cluster().await.url())
    }

    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            prefix: Uuid::new_v4().simple().to_string(),
            offset: ClockOffset::new(),
        }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::new()
            .with_prefix(self.prefix.as_str())
            .with_connections(2)
            .with_clock_offset(self.offset.clone())
    }

    pub(crate) async fn store(&self) -> RedisStateStore {
        self.store_at(&self.url).await
    }

    pub(crate) async fn store_at(&self, url: &str) -> RedisStateStore {
        let store = RedisStateStore::open_with(url, self.options()).await;
        store.unwrap()
    }

    /// Sends a command as somebody else would.
    pub(crate) async fn send<T: ::redis::FromRedisValue>(&self, command: &Cmd) -> T {
        send(&self.url, command).await
    }

    /// The name of a key of a conversation with a plain id.
    pub(crate) fn key(&self, id: &str, name: &str) -> String {
        format!("{}:{{c:{id}}}:{name}", self.prefix)
    }

    /// All keys of the store.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut command = ::redis::cmd("KEYS");
        command.arg(format!("{}:*", self.prefix));
        self.send(&command).await
    }
}

#[async_trait]
impl Harness for RedisHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(self.store().await)
    }

    async fn advance(&self, by: Duration) {
        self.offset.advance(by);
    }
}
