//! What any server has to keep: through connections that are cut, answers that are lost, its own end.

use conversation_state::*;

use crate::servers::postgres::Postgres;
use crate::servers::redis::Redis;
use crate::servers::tcp::TcpProxy;
use crate::services::{assert_refused, create, history, turn};

/// Writes through a proxy with a fault each time. `fault` sets it, for a round and the text that is
/// written, and says whether it loses the answer to the write.
pub(crate) async fn keep_writes_through_cuts(
    store: &dyn StateStore,
    proxy: &TcpProxy,
    password: &str,
    rounds: usize,
    fault: impl Fn(usize, &str) -> bool,
) {
    let mut record = create(store, "a").await;
    let mut texts = Vec::new();
    for round in 0..rounds {
        let text = format!("text {round}");
        let loses_answer = fault(round, &text);
        let write = turn(&record, &format!("t{round}"), &text);
        let applied = store.apply(write.clone()).await.unwrap();
        assert!(!proxy.has_fault());
        // The store repeats a write whose answer was lost, and finds it.
        assert_eq!(applied.replayed, loses_answer, "round {round}");
        let again = store.apply(write).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.version, applied.version);
        texts.push(text);
        assert_eq!(history(store, "a").await, texts);
        record = applied.record;
    }
    // Where the server cannot be reached at all, the caller is told.
    proxy.refuse(true);
    proxy.cut();
    let write = turn(&record, "last", "last words");
    let refused = store.apply(write.clone()).await;
    let secrets = [password, "last words"];
    assert_refused(refused, StateErrorKind::Unavailable, "", &secrets);
    proxy.refuse(false);
    assert!(!store.apply(write).await.unwrap().replayed);
}

/// Loses the answer to a write that was applied, and then lets no new connection get through its
/// greeting. `fault` sets the loss. The write counts as unclear until the server can be reached again.
pub(crate) async fn keep_an_unclear_write_unclear(
    store: &dyn StateStore,
    proxy: &TcpProxy,
    greeting: &[u8],
    says: &str,
    fault: impl Fn(&str),
) {
    let record = create(store, "a").await;
    fault("text");
    proxy.greet(Some(greeting));
    let write = turn(&record, "t", "text");
    let failed = store.apply(write.clone()).await;
    assert!(!proxy.has_fault());
    assert!(!failed.as_ref().unwrap_err().is_definite());
    assert_refused(failed, StateErrorKind::Unavailable, says, &["text"]);
    proxy.greet(None);
    assert!(store.apply(write).await.unwrap().replayed);
    assert_eq!(history(store, "a").await, ["text"]);
}

/// A server that ends at once and is started again.
pub(crate) trait Crashing {
    fn crash(&mut self);
    async fn come_back(&mut self);
    fn secret(&self) -> &str;
}

impl Crashing for Postgres {
    fn crash(&mut self) {
        self.stop();
    }
    async fn come_back(&mut self) {
        self.restart().await;
    }
    fn secret(&self) -> &str {
        self.password()
    }
}

impl Crashing for Redis {
    fn crash(&mut self) {
        self.stop();
    }
    async fn come_back(&mut self) {
        self.restart().await;
    }
    fn secret(&self) -> &str {
        self.password()
    }
}

/// Writes to a server that ends again and again. What it has acknowledged is there afterwards, and the
/// store finds its way back by itself. Returns what it has acknowledged.
pub(crate) async fn keep_what_was_acknowledged(
    server: &mut impl Crashing,
    store: &dyn StateStore,
) -> Vec<String> {
    let mut record = create(store, "a").await;
    let mut texts = Vec::new();
    for round in 0..3 {
        for n in 0..5 {
            let text = format!("{round} {n}");
            let write = turn(&record, &format!("t{round}-{n}"), &text);
            record = store.apply(write).await.unwrap().record;
            texts.push(text);
        }
        server.crash();
        let write = turn(&record, &format!("t{round}"), "late words");
        let refused = store.apply(write.clone()).await;
        let secrets = [server.secret(), "late words"];
        assert_refused(refused, StateErrorKind::Unavailable, "", &secrets);
        assert!(store.load(&record.id, Window::All.into()).await.is_err());
        server.come_back().await;
        assert_eq!(history(store, "a").await, texts);
        record = store.apply(write).await.unwrap().record;
        texts.push("late words".to_owned());
    }
    texts
}
