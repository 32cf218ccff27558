//! Requests to a server: scripts by their hashes, and attempts that are repeated.

use std::sync::{Arc, LazyLock};

use futures_util::future::BoxFuture;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Script, Value};

use crate::connection::{after_lost_answer, is_lost};
use crate::error::StateError;
use crate::failures::Failures;
use crate::redis::connect::Connections;
use crate::redis::failure::{WRONG_TYPE, code, is_read_only};
use crate::redis::keys::Keys;
use crate::redis::options::RedisOptions;

/// How often an operation begins anew after its connection was lost.
const ATTEMPTS: u32 = 3;

macro_rules! scripts {
    ($($name:ident: $source:expr;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new($source));)*
        const SOURCES: &[&str] = &[$($source),*];
    };
}
scripts! {
    LOOK: include_str!("look.lua");
    WRITE: include_str!("write.lua");
    LOAD: include_str!("load.lua");
    TOUCH: include_str!("touch.lua");
    UNLIST: include_str!("unlist.lua");
    LEASE: include_str!("lease.lua");
    FENCE: include_str!("fence.lua");
    OBSERVE: include_str!("observe.lua");
    PAGE: include_str!("page.lua");
    RELEASE: "if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then redis.call('DEL', KEYS[1]) end";
    UNCLAIM: "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end";
}

/// A server, how its keys are named, and one operation on it.
pub(super) struct Session<'a> {
    server: &'a Server,
    failures: Failures,
}

/// A server and how its keys are named.
pub(super) struct Server {
    connections: Connections,
    pub(super) keys: Keys,
    pub(super) options: RedisOptions,
}

/// What runs in a session. It may run again from its beginning.
pub(super) type Work<I, T> =
    for<'s> fn(&'s Session<'s>, &'s I) -> BoxFuture<'s, Result<T, StateError>>;

impl Server {
    pub(super) fn new(url: &str, options: RedisOptions) -> Result<Self, StateError> {
        Ok(Self {
            connections: Connections::new(url, &options)?,
            keys: Keys::new(&options.prefix),
            options,
        })
    }

    pub(super) fn subject(&self) -> &str {
        &self.connections.subject
    }

    /// Runs an operation; again if its connection was lost: a write is known by its id, and everything
    /// else may be repeated.
    pub(super) async fn run<I: Sync + ?Sized, T: Send>(
        &self,
        operation: &'static str,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, StateError> {
        let session = Session {
            server: self,
            failures: Failures::new(Arc::clone(&self.connections.subject), operation),
        };
        let mut attempt = 1;
        let mut reconnected = false;
        loop {
            match work(&session, input).await {
                Err(error) if attempt < ATTEMPTS && is_lost(&error) => attempt += 1,
                // After a failover a new connection leads to the new master.
                Err(error) if !reconnected && is_read_only(&error) => reconnected = true,
                Err(error) if attempt > 1 || reconnected => return Err(after_lost_answer(error)),
                outcome => return outcome,
            }
        }
    }
}

/// The command that runs a script.
pub(super) fn script<K: AsRef<str>>(script: &Script, keys: &[K]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(keys.len());
    for key in keys {
        command.arg(key.as_ref());
    }
    command
}

impl Session<'_> {
    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.server.keys
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.server.options
    }

    /// The time by the server's clock, from the answer of `TIME`.
    pub(super) fn time(&self, seconds: u64, microseconds: u64) -> i64 {
        let milliseconds = seconds.saturating_mul(1000) + microseconds / 1000;
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        milliseconds.saturating_add(self.offset())
    }

    pub(super) fn offset(&self) -> i64 {
        self.server.options.clock_offset.milliseconds()
    }

    /// Sends a command.
    pub(super) async fn one<T: FromRedisValue>(&self, command: Cmd) -> Result<T, StateError> {
        let mut answers = self.all(vec![command]).await?;
        let answer = answers.pop().unwrap_or(Value::Nil);
        self.read(answer)
    }

    /// Sends commands in this order, without waiting for each other: one round trip.
    pub(super) async fn all(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, StateError> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        self.send(&pipeline).await
    }

    async fn send(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StateError> {
        let mut connection = self.server.connections.get(&self.failures).await?;
        let mut loaded = false;
        loop {
            let answer: Result<Vec<Value>, RedisError> =
                pipeline.query_async(&mut connection).await;
            match answer {
                Ok(answers) => return Ok(answers),
                // The server has restarted. A script that is missing has not run.
                Err(error) if !loaded && lacks_script(&error) => {
                    loaded = true;
                    let mut load = Pipeline::new();
                    for source in SOURCES {
                        load.cmd("SCRIPT").arg("LOAD").arg(*source).ignore();
                    }
                    let load: Result<(), RedisError> = load.query_async(&mut connection).await;
                    load.map_err(|error| self.failures.server(&error))?;
                }
                Err(error) => return Err(self.fail(&error).await),
            }
        }
    }

    /// Returns the failure of an answer; the next one asks another server where this one is of no use.
    async fn fail(&self, error: &RedisError) -> StateError {
        let failure = self.failures.server(error);
        if is_lost(&failure) || error.is_timeout() || is_read_only(&failure) {
            self.server.connections.discard().await;
        }
        failure
    }

    /// As [`all`](Self::all), without scripts; `None` for a command on a key of another type.
    pub(super) async fn each(&self, commands: Vec<Cmd>) -> Result<Vec<Option<Value>>, StateError> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.ignore_errors();
        let answers = self.send(&pipeline).await?.into_iter();
        let read = answers.map(|answer| match answer {
            Value::ServerError(error) if error.code() == WRONG_TYPE => Ok(None),
            answer => answer.extract_error().map(Some),
        });
        let read: Result<_, RedisError> = read.collect();
        match read {
            Ok(read) => Ok(read),
            Err(error) => Err(self.fail(&error).await),
        }
    }

    /// Reads an answer.
    pub(super) fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, StateError> {
        redis::from_redis_value(value).map_err(|error| self.failures.server(&error.into()))
    }
}

fn lacks_script(error: &RedisError) -> bool {
    code(error).is_some_and(|code| code == "NOSCRIPT")
}
