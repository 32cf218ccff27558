//! The stores that are measured, and what their servers tell of their work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conversation_state::*;
use tokio_postgres::NoTls;

use crate::Failure;
use crate::servers::postgres::Postgres;
use crate::servers::redis::Redis;
use crate::wire::Wire;

/// How often a server is asked whether its last client is gone.
const POLL: Duration = Duration::from_millis(10);

/// What a store and its server have done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// In the unit of [`Place::unit`].
    pub(crate) steps: u64,
    /// Bytes written to the disk.
    pub(crate) written: u64,
    pub(crate) round_trips: u64,
    /// Bytes over the wire, both ways.
    pub(crate) carried: u64,
}

/// Where conversations are kept.
pub(crate) enum Place {
    Sqlite {
        file: PathBuf,
        steps: Arc<AtomicU64>,
    },
    Postgres {
        url: String,
        wire: Arc<Wire>,
        observer: tokio_postgres::Client,
        _server: Postgres,
    },
    Redis {
        url: String,
        wire: Arc<Wire>,
        observer: redis::aio::MultiplexedConnection,
        _server: Redis,
    },
}

impl Place {
    pub(crate) fn sqlite(file: PathBuf) -> Self {
        Self::Sqlite {
            file,
            steps: Arc::default(),
        }
    }

    pub(crate) async fn postgres() -> Result<Self, Failure> {
        let server = Postgres::start().await;
        let (wire, address) = Wire::start(server.address()).await?;
        let (observer, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(Self::Postgres {
            url: server.url_at(address),
            wire,
            observer,
            _server: server,
        })
    }

    pub(crate) async fn redis() -> Result<Self, Failure> {
        // A file that is written anew would be shorter than before.
        let grows = ["--auto-aof-rewrite-percentage", "0"];
        let kept = ["--appendonly", "yes", "--appendfsync", "always"];
        let server = Redis::start_with(&[&kept[..], &grows].concat()).await;
        let (wire, address) = Wire::start(server.address()).await?;
        let client = redis::Client::open(server.url())?;
        Ok(Self::Redis {
            url: server.url_at(address),
            wire,
            observer: client.get_multiplexed_async_connection().await?,
            _server: server,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres { .. } => "PostgreSQL",
            Self::Redis { .. } => "Redis",
        }
    }

    /// Returns what [`Work::steps`] counts.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "steps of SQLite",
            Self::Postgres { .. } => "rows and index entries read",
            Self::Redis { .. } => "commands, those of scripts among them",
        }
    }

    /// Opens the store.
    pub(crate) async fn open(&self) -> Result<Arc<dyn StateStore>, Failure> {
        Ok(match self {
            Self::Sqlite { file, steps } => {
                let options = SqliteOptions::new().with_step_counter(Arc::clone(steps));
                Arc::new(SqliteStateStore::open_with(file, options).await?)
            }
            Self::Postgres { url, .. } => Arc::new(PostgresStateStore::open(url).await?),
            Self::Redis { url, .. } => Arc::new(RedisStateStore::open(url).await?),
        })
    }

    /// Returns the round trips to the server and the bytes so far.
    pub(crate) fn wire(&self) -> (u64, u64) {
        match self {
            Self::Sqlite { .. } => (0, 0),
            Self::Postgres { wire, .. } | Self::Redis { wire, .. } => wire.read(),
        }
    }

    /// Returns what was done, once all that was opened is closed: servers count the work of a connection
    /// when it ends.
    pub(crate) async fn work(&mut self) -> Result<Work, Failure> {
        match self {
            Self::Sqlite { steps, .. } => Ok(Work {
                steps: steps.load(Ordering::Relaxed),
                written: written()?,
                ..Work::default()
            }),
            Self::Postgres { observer, .. } => {
                let others = "SELECT count(*) FROM pg_stat_activity \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                while observer.query_one(others, &[]).await?.get::<_, i64>(0) > 0 {
                    tokio::time::sleep(POLL).await;
                }
                let counts = "SELECT \
                     (SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables) \
                     + (SELECT coalesce(sum(idx_tup_read), 0)::bigint FROM pg_stat_user_indexes), \
                     (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
                let row = observer.query_one(counts, &[]).await?;
                Ok(Work {
                    steps: u64::try_from(row.get::<_, i64>(0))?,
                    written: u64::try_from(row.get::<_, i64>(1))?,
                    ..Work::default()
                })
            }
            Self::Redis { observer, .. } => {
                let mut info = redis::cmd("INFO");
                info.arg("commandstats").arg("persistence");
                let info: String = info.query_async(observer).await?;
                Ok(Work {
                    steps: numbers(&info, "calls=").sum(),
                    written: numbers(&info, "aof_current_size:").sum(),
                    ..Work::default()
                })
            }
        }
    }
}

/// Returns the numbers after a word, one of each line that has it.
fn numbers(text: &str, word: &str) -> impl Iterator<Item = u64> {
    text.lines().filter_map(move |line| {
        let (_, rest) = line.split_once(word)?;
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

/// Returns how many bytes this process has written so far.
fn written() -> Result<u64, Failure> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(line.ok_or("/proc/self/io without wchar")?.parse()?)
}
