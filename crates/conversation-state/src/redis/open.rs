//! Opening: the identity of the store, and what its server promises.

use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::Cmd;

use crate::error::{StateError, StateErrorKind};
use crate::id::StoreId;
use crate::limits::Durability;
use crate::redis::server::Session;

/// Version of the form of the keys.
const VERSION: u32 = 1;
/// How long a server that syncs its file every second may take with it.
const EVERY_SECOND: Duration = Duration::from_secs(2);

/// What opening finds out about a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) id: StoreId,
    pub(super) created_at: i64,
    pub(super) durability: Durability,
}

/// Makes and checks the store. Many may do so at once.
pub(super) fn open<'s>(
    session: &'s Session<'s>,
    (): &'s (),
) -> BoxFuture<'s, Result<Opened, StateError>> {
    Box::pin(async move {
        let failures = session.failures();
        let key = session.keys().store();
        let refused = |detail: String| {
            failures
                .kind(StateErrorKind::InvalidInput)
                .with_detail(detail)
        };
        let info: String = session.one(redis::cmd("INFO")).await?;
        let version = field(&info, "redis_version").unwrap_or("0");
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        let version_of = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version_of < (7, 0) {
            return Err(refused(format!(
                "the server is Redis {version}, 7.0 or later is needed"
            )));
        }
        let appends = field(&info, "aof_enabled") == Some("1");
        let policy = field(&info, "maxmemory_policy").unwrap_or("noeviction");
        let evicts = policy.starts_with("allkeys")
            || (policy.starts_with("volatile") && session.options().time_to_live.is_some());
        if !session.options().volatile {
            if !appends {
                return Err(refused(
                    "the server keeps no append-only file and loses conversations when it ends; set \
                     `appendonly yes`, or accept it with `with_volatile`"
                        .to_owned(),
                ));
            }
            if evicts {
                return Err(refused(format!(
                    "the server removes conversations when its memory is full; set `maxmemory-policy \
                     noeviction` in place of `{policy}`, or accept it with `with_volatile`"
                )));
            }
        }
        let sync = match appends {
            true => fsync(session).await?,
            false => None,
        };
        let durability = match (appends, evicts, sync.as_deref()) {
            (false, ..) | (_, true, _) => Durability::Process,
            (.., Some("always")) => Durability::Disk,
            (.., Some("no")) => Durability::Delayed(Duration::MAX),
            // Also where the server does not say.
            _ => Durability::Delayed(EVERY_SECOND),
        };
        let held: (Option<u32>, Option<String>, Option<i64>) = session.one(read(&key)).await?;
        if let Some(version) = held.0
            && version > VERSION
        {
            let detail =
                format!("version {version} of the keys, this build supports up to {VERSION}");
            return Err(failures.kind(StateErrorKind::TooNew).with_detail(detail));
        }
        let held = match held {
            (Some(_), Some(id), Some(created_at)) => (id, created_at),
            (None, None, None) if !session.options().create => {
                return Err(refused("it holds no conversations".to_owned()));
            }
            (None, None, None) => make(session, &key).await?,
            _ => return Err(failures.damaged("the identity of the store cannot be read")),
        };
        let id = held.0.parse().map_err(|error| {
            let failure = failures.damaged("the identity of the store cannot be read");
            failure.with_source(error)
        })?;
        Ok(Opened {
            id,
            created_at: held.1,
            durability,
        })
    })
}

fn read(key: &str) -> Cmd {
    let mut command = redis::cmd("HMGET");
    command.arg(key).arg("version").arg("id").arg("created_at");
    command
}

/// Gives the store an identity, unless another one was faster.
async fn make(session: &Session<'_>, key: &str) -> Result<(String, i64), StateError> {
    let (seconds, micros): (u64, u64) = session.one(redis::cmd("TIME")).await?;
    let set = |field: &str, value: String| {
        let mut command = redis::cmd("HSETNX");
        command.arg(key).arg(field).arg(value);
        command
    };
    session
        .all(vec![
            set("id", StoreId::mint().to_string()),
            set("created_at", session.time(seconds, micros).to_string()),
            set("version", VERSION.to_string()),
        ])
        .await?;
    let (_, id, created_at): (u32, String, i64) = session.one(read(key)).await?;
    Ok((id, created_at))
}

/// When the server syncs its file; nothing where it is not allowed to tell.
async fn fsync(session: &Session<'_>) -> Result<Option<String>, StateError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("appendfsync");
    match session.one::<Vec<String>>(command).await {
        Ok(answer) => Ok(answer.into_iter().nth(1)),
        Err(error) if error.kind() == StateErrorKind::Unavailable => Err(error),
        Err(_) => Ok(None),
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
