//! A connection in one transaction, whose statements are sent without waiting for each other.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::{Client, Object};
use futures_util::future::BoxFuture;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::error::StateError;
use crate::failures::Failures;
use crate::postgres::failure::follows_another;

/// A value of a statement and its type.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Values of a statement: `values![BYTEA id, INT8 position]`.
macro_rules! values {
    ($($type:ident $value:expr),* $(,)?) => {
        vec![$((
            &$value as &(dyn tokio_postgres::types::ToSql + Sync),
            tokio_postgres::types::Type::$type,
        )),*]
    };
}
pub(super) use values;

/// The rows that a statement returned.
type Answer = Result<Vec<Row>, tokio_postgres::Error>;

/// A statement and its values.
pub(super) struct Step<'a> {
    sql: &'a str,
    values: Vec<Value<'a>>,
}

impl<'a> Step<'a> {
    pub(super) fn new(sql: &'a str, values: Vec<Value<'a>>) -> Self {
        Self { sql, values }
    }
}

/// How a transaction sees the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As it is at one moment.
    Read,
    /// As it is at each statement, so that what a lock was waited for is seen.
    Write,
}

/// A connection of the pool. It goes back to the pool only between two transactions: dropped within
/// one, it is closed, and the server rolls back.
pub(super) struct Session {
    client: Option<Client>,
    state: Mutex<State>,
    settings: String,
    failures: Failures,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Open,
}

impl Session {
    pub(super) fn new(client: Client, schema: &str, timeout: Duration, failures: Failures) -> Self {
        let timeout = timeout.as_millis().clamp(1, i32::MAX as u128);
        Self {
            client: Some(client),
            state: Mutex::new(State::Idle),
            // Of the transaction alone: whoever shares the pool sees nothing of it.
            settings: format!(
                "SET LOCAL search_path TO \"{schema}\"; SET LOCAL statement_timeout TO {timeout}; \
                 SET LOCAL lock_timeout TO {timeout}; \
                 SET LOCAL idle_in_transaction_session_timeout TO {timeout}"
            ),
            failures,
        }
    }

    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Whether the connection is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.is_closed())
    }

    /// Begins a transaction with statements: one round trip. Returns the rows of each.
    pub(super) async fn begin(
        &self,
        mode: Mode,
        steps: Vec<Step<'_>>,
    ) -> Result<Vec<Vec<Row>>, StateError> {
        self.send(Some(&self.opening(mode)), steps, None).await
    }

    /// The statements that begin a transaction; from now on one is open.
    fn opening(&self, mode: Mode) -> String {
        let level = match mode {
            Mode::Read => "REPEATABLE READ READ ONLY",
            Mode::Write => "READ COMMITTED",
        };
        self.set(State::Open);
        format!("BEGIN ISOLATION LEVEL {level}; {}", self.settings)
    }

    /// Runs a transaction whose statements are known beforehand: one round trip.
    pub(super) async fn whole(
        &self,
        mode: Mode,
        steps: Vec<Step<'_>>,
    ) -> Result<Vec<Vec<Row>>, StateError> {
        let done = self
            .send(Some(&self.opening(mode)), steps, Some("COMMIT"))
            .await;
        if !self.is_lost() {
            self.set(State::Idle);
        }
        done
    }

    /// Runs statements: one round trip.
    pub(super) async fn run(&self, steps: Vec<Step<'_>>) -> Result<Vec<Vec<Row>>, StateError> {
        self.send(None, steps, None).await
    }

    /// Runs statements and commits: one round trip. If one of them fails, nothing is committed.
    pub(super) async fn commit(&self, steps: Vec<Step<'_>>) -> Result<Vec<Vec<Row>>, StateError> {
        let done = self.send(None, steps, Some("COMMIT")).await;
        // A failed transaction that is committed has been rolled back.
        if !self.is_lost() {
            self.set(State::Idle);
        }
        done
    }

    /// Runs a script of statements without values.
    pub(super) async fn script(&self, sql: &str) -> Result<(), StateError> {
        self.send(Some(sql), Vec::new(), None).await.map(drop)
    }

    /// Ends a transaction that was not committed.
    pub(super) async fn rollback(&self) {
        if self.state() == State::Open && !self.is_lost() && self.script("ROLLBACK").await.is_ok() {
            self.set(State::Idle);
        }
    }

    /// Closes the connection, which does not go back to the pool.
    pub(super) fn close(mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }

    /// Sends everything, in this order, and then waits for all answers.
    async fn send(
        &self,
        first: Option<&str>,
        steps: Vec<Step<'_>>,
        last: Option<&str>,
    ) -> Result<Vec<Vec<Row>>, StateError> {
        let Some(client) = &self.client else {
            return Err(self.failures.unavailable("the connection was lost"));
        };
        let count = steps.len();
        let mut futures: Vec<BoxFuture<'_, Answer>> = Vec::with_capacity(count + 2);
        futures.extend(first.map(|sql| script(client, sql)));
        let offset = futures.len();
        for step in steps {
            futures.push(Box::pin(async move {
                client.query_typed(step.sql, &step.values).await
            }));
        }
        futures.extend(last.map(|sql| script(client, sql)));
        let mut answers: Vec<Option<Answer>> = futures.iter().map(|_| None).collect();
        // The first poll of each sends it.
        poll_fn(|context| {
            let mut waiting = false;
            for (future, answer) in futures.iter_mut().zip(&mut answers) {
                if answer.is_none() {
                    match future.as_mut().poll(context) {
                        Poll::Ready(done) => *answer = Some(done),
                        Poll::Pending => waiting = true,
                    }
                }
            }
            match waiting {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
        let mut rows = Vec::with_capacity(answers.len());
        let mut failed = None;
        for answer in answers.into_iter().flatten() {
            match answer {
                Ok(answer) => rows.push(answer),
                // The first names the cause.
                Err(error) if failed.is_none() => failed = Some(error),
                Err(error) => {
                    if failed.as_ref().is_some_and(follows_another) {
                        failed = Some(error);
                    }
                }
            }
        }
        match failed {
            Some(error) => Err(self.failures.database(error)),
            None => {
                rows.truncate(offset + count);
                rows.drain(..offset);
                Ok(rows)
            }
        }
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn script<'a>(client: &'a Client, sql: &'a str) -> BoxFuture<'a, Answer> {
    Box::pin(async move { client.batch_execute(sql).await.map(|()| Vec::new()) })
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.state() == State::Open
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}
