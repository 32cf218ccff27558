//! A schema on the server of this process.

use std::sync::Arc;
use std::time::Duration;

use crate::servers::postgres::Postgres;
use async_trait::async_trait;
use conversation_state::conformance::Harness;
use conversation_state::*;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// One server for all tests of this process; it ends with it.
static SERVER: OnceCell<Postgres> = OnceCell::const_new();

pub(crate) async fn server() -> &'static Postgres {
    let start = || async { Postgres::start().await };
    SERVER.get_or_init(start).await
}

#[derive(Debug)]
pub(crate) struct PostgresHarness {
    pub(crate) url: String,
    pub(crate) schema: String,
    offset: ClockOffset,
}

impl PostgresHarness {
    pub(crate) async fn new() -> Self {
        Self::at(server().await.url())
    }

    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            schema: format!("s_{}", Uuid::new_v4().simple()),
            offset: ClockOffset::new(),
        }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new()
            .with_schema(self.schema.as_str())
            .with_max_connections(4)
            .with_clock_offset(self.offset.clone())
    }

    pub(crate) async fn store(&self) -> PostgresStateStore {
        self.store_at(&self.url).await
    }

    pub(crate) async fn store_at(&self, url: &str) -> PostgresStateStore {
        let store = PostgresStateStore::open_with(url, self.options()).await;
        store.unwrap()
    }

    /// Runs SQL as somebody else would.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<String> {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
            .batch_execute(&format!("SET search_path TO {}", self.schema))
            .await
            .unwrap();
        let rows = client.simple_query(sql).await.unwrap();
        let rows = rows.into_iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    }
}

#[async_trait]
impl Harness for PostgresHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(self.store().await)
    }

    async fn advance(&self, by: Duration) {
        self.offset.advance(by);
    }
}
