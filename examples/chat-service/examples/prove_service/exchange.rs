//! One turn, as a browser sees it that comes back: after a lost connection, a killed node or a stopped
//! database it asks again, under the same key or for the rest of the events.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};

use crate::http::{Browser, Events};
use crate::nodes::Following;
use crate::scene::Scene;

/// How long a turn may take with everything that happens to it.
const PATIENCE: Duration = Duration::from_secs(240);
/// The pause before a request is sent again.
const PAUSE: Duration = Duration::from_millis(150);

/// A message that is sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) conversation: String,
    pub(crate) mark: String,
    /// The body of the request.
    pub(crate) body: String,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// With an error of a kind, after it had begun.
    Failed(String),
    /// The conversation or its user is gone, by this answer.
    Gone(String),
    /// It did not end in time.
    Stuck,
}

/// A turn that is followed.
pub(crate) struct Exchange<'a> {
    scene: &'a Scene,
    browser: &'a Browser,
    message: &'a Message,
    deadline: Instant,
    /// The events, and the turn that this connection has begun on its node.
    connected: Option<(Events, Option<Following>)>,
    /// The node that was asked last.
    pub(crate) node: Option<usize>,
    pub(crate) turn: Option<String>,
    position: Option<String>,
    /// Whether the message is sent again although its turn is known.
    again: bool,
    /// The node whose connection was closed.
    left: Option<usize>,
    /// Whether another node went on with the turn.
    pub(crate) is_elsewhere: bool,
}

/// What came next.
enum Next {
    Text,
    Other,
    End(End),
    /// Nothing: the connection ended.
    Lost,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(scene: &'a Scene, browser: &'a Browser, message: &'a Message) -> Self {
        Self {
            scene,
            browser,
            message,
            deadline: Instant::now() + PATIENCE,
            connected: None,
            node: None,
            turn: None,
            position: None,
            again: false,
            left: None,
            is_elsewhere: false,
        }
    }

    /// Sends the message and reads until its answer has begun. Returns the end if it came before.
    pub(crate) async fn begin(&mut self) -> Option<End> {
        let mut texts = 0;
        while texts < 2 {
            match self.step().await {
                Next::Text => texts += 1,
                Next::Other | Next::Lost => {}
                Next::End(end) => return Some(end),
            }
        }
        None
    }

    /// Closes the connection. The next one goes to another node: with the message, or for the rest of the
    /// events.
    pub(crate) fn leave(&mut self, sends_again: bool) {
        self.connected = None;
        self.again = sends_again;
        self.left = self.node;
    }

    /// Reads to the end.
    pub(crate) async fn finish(&mut self) -> End {
        loop {
            if let Next::End(end) = self.step().await {
                return end;
            }
        }
    }

    async fn step(&mut self) -> Next {
        if Instant::now() > self.deadline {
            self.connected = None;
            return Next::End(End::Stuck);
        }
        match &mut self.connected {
            None => match self.connect().await {
                Some(end) => Next::End(end),
                None => Next::Other,
            },
            Some((events, _)) => {
                let event = events.next().await;
                let next = match event {
                    None => Next::Lost,
                    Some(event) => self.take(event),
                };
                if matches!(next, Next::Lost) {
                    self.connected = None;
                    sleep(PAUSE).await;
                }
                next
            }
        }
    }

    /// Sends the message, or asks for the rest of the events.
    async fn connect(&mut self) -> Option<End> {
        let scene = self.scene;
        let Some((node, address)) = scene.nodes.pick(&scene.chance, self.node) else {
            sleep(PAUSE).await;
            return None;
        };
        self.node = Some(node);
        let path = format!(
            "{address}/api/conversations/{}/turns",
            self.message.conversation
        );
        let request = match &self.turn {
            Some(turn) if !self.again => {
                let request = self
                    .browser
                    .request(Method::GET, &format!("{path}/{turn}/events"));
                match &self.position {
                    Some(position) => request.header("last-event-id", position),
                    None => request,
                }
            }
            _ => self
                .browser
                .request(Method::POST, &path)
                .header("idempotency-key", &self.message.mark)
                .body(self.message.body.clone()),
        };
        let Ok(response) = request.send().await else {
            sleep(PAUSE).await;
            return None;
        };
        match response.status().as_u16() {
            200 => {
                self.connected = Some((Events::of(response), None));
                None
            }
            status => {
                let text = response.text().await.unwrap_or_default();
                let end = self.refused(status, &text);
                if end.is_none() {
                    sleep(PAUSE).await;
                }
                end
            }
        }
    }

    fn refused(&self, status: u16, text: &str) -> Option<End> {
        let body: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let kind = body["error"]["kind"].as_str();
        match (status, kind) {
            (404, Some(_)) => return Some(End::Gone(text.to_owned())),
            // Not from the service: the port of a node that was killed belongs to another program now.
            (_, None) => {}
            (409 | 429 | 503, Some(kind)) => {
                self.scene.ledger.refused(format!("{status} {kind}"));
            }
            _ => {
                let what = format!("{}: {status} {text}", self.message.mark);
                self.scene.ledger.broken(what);
            }
        }
        None
    }

    /// Begins to wait anew.
    pub(crate) fn wait_on(&mut self) {
        self.deadline = Instant::now() + PATIENCE;
    }

    fn take(&mut self, event: crate::http::Event) -> Next {
        let mark = &self.message.mark;
        let ledger = &self.scene.ledger;
        self.position = Some(event.position);
        // What it reports is held to the same turn.
        let reports = event.kind != "error" && self.turn.is_some();
        self.is_elsewhere |= reports && self.left.is_some() && self.node != self.left;
        match event.kind.as_str() {
            "started" => {
                let turn = event.data["turn"].as_str().map(str::to_owned);
                let message = event.data["message"].as_str().map(str::to_owned);
                self.started(turn, message);
                Next::Other
            }
            "text_delta" => Next::Text,
            "lagged" => Next::Other,
            "message_saved" => {
                let message = event.data.as_str().unwrap_or_default().to_owned();
                ledger.turn(mark, |turn| {
                    turn.saved.insert(message);
                });
                Next::Other
            }
            "done" => {
                let turn = event.data["turn"].as_str().map(str::to_owned);
                self.started(turn, None);
                let inline = event.data["kept_inline"].as_array().map_or(0, Vec::len);
                ledger.add("media kept inline", inline);
                let messages = event.data["messages"].as_array().into_iter().flatten();
                let text = messages
                    .filter(|message| message["role"] == "assistant")
                    .flat_map(|message| message["content"].as_array().into_iter().flatten())
                    .filter_map(|part| part["text"].as_str())
                    .collect();
                ledger.turn(mark, |turn| turn.done = Some(text));
                Next::End(End::Done)
            }
            "error" => self.failed(&event.data),
            _ => Next::Other,
        }
    }

    /// Notes the turn, and holds the service to it: the same key is the same turn.
    fn started(&mut self, turn: Option<String>, message: Option<String>) {
        if self.turn.is_none()
            && let (Some(node), Some((_, following))) = (self.node, &mut self.connected)
        {
            *following = Some(self.scene.nodes.follow(node));
        }
        let known = self
            .turn
            .get_or_insert_with(|| turn.clone().unwrap_or_default());
        if turn.as_ref() != Some(known) {
            let what = format!("{} became two turns", self.message.mark);
            self.scene.ledger.broken(what);
        }
        self.again = false;
        self.scene.ledger.turn(&self.message.mark, |entry| {
            entry.turn = turn;
            entry.saved.extend(message);
        });
    }

    fn is_gone(&self) -> bool {
        let entries = self.scene.ledger.entries();
        entries.is_gone(&self.message.conversation)
    }

    fn failed(&mut self, error: &serde_json::Value) -> Next {
        let kind = error["kind"].as_str().unwrap_or("no kind").to_owned();
        self.scene.ledger.refused(format!("event {kind}"));
        match kind.as_str() {
            "not_found" => Next::End(End::Gone(error.to_string())),
            // Its uploads go first.
            "media" if self.is_gone() => Next::End(End::Gone(error.to_string())),
            // The turn is named: it ended with what the state or the store had failed with.
            "state" | "storage" | "closed"
                if self.turn.is_some() && error["turn"].as_str() == self.turn.as_deref() =>
            {
                Next::End(End::Failed(kind))
            }
            // Whether and how the turn ended, if there is one, is asked again.
            "state" | "state_outcome_unknown" | "busy" | "conflict" | "closed" | "storage" => {
                Next::Lost
            }
            "cancelled" | "lease_lost" | "provider" | "timeout" => {
                if let Some(turn) = error["turn"].as_str() {
                    self.started(Some(turn.to_owned()), None);
                }
                Next::End(End::Failed(kind))
            }
            _ => {
                let what = format!("{}: {error}", self.message.mark);
                self.scene.ledger.broken(what);
                Next::End(End::Failed(kind))
            }
        }
    }
}
