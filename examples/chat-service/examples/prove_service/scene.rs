//! What all users share: the nodes, the ledger, and what is still to be done.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::http::Browser;
use crate::ledger::Ledger;
use crate::nodes::Nodes;
use crate::plan::{Chance, Step};

/// Conversations that a user has at once.
const PER_USER: usize = 4;
/// How long something other than a turn is tried.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// The pause before something is tried again.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// What all users share.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) nodes: Nodes,
    pub(crate) ledger: Ledger,
    pub(crate) chance: Chance,
    pub(crate) http: reqwest::Client,
    deck: Mutex<VecDeque<Step>>,
    users: Vec<tokio::sync::Mutex<Option<Browser>>>,
    /// Turns that were begun.
    pub(crate) turns: watch::Sender<usize>,
    /// Whether the last turn has ended.
    is_over: AtomicBool,
    pub(crate) number: AtomicUsize,
}

impl Scene {
    pub(crate) fn new(
        nodes: Nodes,
        http: reqwest::Client,
        deck: Vec<Step>,
        chance: Chance,
        conversations: usize,
    ) -> Self {
        let users = conversations.div_ceil(PER_USER);
        Self {
            nodes,
            ledger: Ledger::default(),
            chance,
            http,
            deck: Mutex::new(deck.into()),
            users: (0..users).map(|_| tokio::sync::Mutex::default()).collect(),
            turns: watch::Sender::new(0),
            is_over: AtomicBool::default(),
            number: AtomicUsize::default(),
        }
    }

    /// Notes that the last turn has ended: whoever waits for turns waits no longer.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.turns.send_replace(usize::MAX);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn draw(&self) -> Option<Step> {
        self.deck
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Puts a step back that did not come to what it is for.
    pub(crate) fn put_back(&self, step: Step) {
        self.deck
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(step);
    }

    /// Returns the user of a place; a new one where the last was erased.
    pub(crate) async fn user(&self, place: usize) -> Result<Browser, Failure> {
        let mut user = self.users[place / PER_USER].lock().await;
        if let Some(known) = &*user
            && !self.ledger.entries().erased.contains(&known.user)
        {
            return Ok(known.clone());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, address)) = self.nodes.pick(&self.chance, None)
                && let Ok(new) = Browser::open(&self.http, &address).await
            {
                self.ledger.count("users");
                return Ok(user.insert(new).clone());
            }
            if Instant::now() > deadline {
                return Err("no node opens its page".into());
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks any node until it answers with one of some statuses.
    pub(crate) async fn ask(
        &self,
        browser: &Browser,
        method: Method,
        path: &str,
        body: Vec<u8>,
        avoid: Option<usize>,
        wanted: &[u16],
    ) -> Option<(u16, Value)> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = "no node".to_owned();
        while Instant::now() < deadline {
            if let Some((_, address)) = self.nodes.pick(&self.chance, avoid) {
                let url = format!("{address}{path}");
                match browser.answer(method.clone(), &url, body.clone()).await {
                    Ok((status, answer)) => {
                        if wanted.contains(&status) {
                            return Some((status, answer));
                        }
                        let error = &answer["error"];
                        let kind = error["kind"].as_str().or(error["code"].as_str());
                        last = format!("{status} {}", kind.unwrap_or("no kind"));
                        self.ledger.refused(format!("{method} {last}"));
                        if !matches!(status, 409 | 429 | 503) {
                            self.ledger
                                .broken(format!("{method} {path}: {status} {answer}"));
                            return None;
                        }
                    }
                    Err(error) => last = error.to_string(),
                }
            }
            sleep(PAUSE).await;
        }
        // What is deleted is asked for again when all is quiet.
        if method != Method::DELETE || self.is_over() {
            self.ledger
                .broken(format!("{method} {path}: no answer in time, last {last}"));
        }
        None
    }

    /// Has a user erased: asks until the receipt says that nothing is left. Returns whether it does.
    pub(crate) async fn erase(&self, browser: &Browser, avoid: Option<usize>) -> bool {
        let user = &browser.user;
        self.ledger.entries().erased.insert(user.clone());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let asked = self.ask(browser, Method::DELETE, "/api/me", vec![], avoid, &[200]);
            let Some((_, receipt)) = asked.await else {
                return false;
            };
            if receipt["status"] == "complete" {
                self.ledger.entries().erasures.insert(user.clone());
                return true;
            }
            self.ledger.count("erasures that had to be asked for again");
            sleep(PAUSE).await;
        }
        if self.is_over() {
            self.ledger.broken(format!("{user} is not erased in time"));
        }
        false
    }

    /// Has a conversation deleted.
    pub(crate) async fn delete(&self, browser: &Browser, path: &str, avoid: Option<usize>) {
        let wanted = [200, 404];
        self.ask(browser, Method::DELETE, path, vec![], avoid, &wanted)
            .await;
    }
}
