//! A server of chat completions on the loopback interface that answers by a plan and writes down
//! what it was asked and what it has sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// How the server answers.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// First a tool call, then text with an image.
    Tools,
    /// Words, one after each pause.
    Words { count: usize, pause: Duration },
    /// The answers of `Tools` or the last of them alone, one of them cut after so many bytes of its
    /// body.
    Cut { answer: Answer, after: usize },
    /// Text of so many bytes, with a tool round of so many calls before it.
    Flood { text: usize, calls: usize },
}

/// An answer that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Text, without tools before it.
    Text,
    /// Text and a call of a tool.
    Calling,
    /// The text behind the result of a tool.
    Closing,
}

impl Answer {
    fn events(self) -> Vec<(String, usize)> {
        match self {
            Self::Calling => calling(),
            Self::Text | Self::Closing => closing(),
        }
    }

    /// Returns the number of bytes of its body.
    pub(crate) fn len(self) -> usize {
        self.events().iter().map(|(event, _)| event.len()).sum()
    }
}

/// A request, and what was sent for it.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) body: Value,
    /// Bytes of text that were sent.
    pub(crate) text_sent: usize,
    /// Whether the count of tokens was sent.
    pub(crate) usage_sent: bool,
}

/// The running server.
#[derive(Clone, Debug)]
pub(crate) struct Mock {
    pub(crate) url: String,
    plan: Arc<Mutex<Plan>>,
    log: Arc<Mutex<Vec<Logged>>>,
}

impl Mock {
    pub(crate) async fn start(plan: Plan) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mock = Self {
            url: format!("http://{}/v1", listener.local_addr()?),
            plan: Arc::new(Mutex::new(plan)),
            log: Arc::default(),
        };
        let server = mock.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    let _ = server.serve(socket).await;
                });
            }
        });
        Ok(mock)
    }

    pub(crate) fn set(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// Takes the log.
    pub(crate) fn take_log(&self) -> Vec<Logged> {
        std::mem::take(&mut *self.log())
    }

    pub(crate) fn log(&self) -> std::sync::MutexGuard<'_, Vec<Logged>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut socket: TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        loop {
            let body = read_request(&mut socket).await?;
            let number = {
                let mut log = self.log();
                log.push(Logged {
                    body: body.clone(),
                    text_sent: 0,
                    usage_sent: false,
                });
                log.len() - 1
            };
            let plan = self
                .plan
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            self.answer(&mut socket, number, &body, plan).await?;
        }
    }

    async fn answer(
        &self,
        socket: &mut TcpStream,
        number: usize,
        body: &Value,
        plan: Plan,
    ) -> Result<()> {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        let after_tools = has_results(body);
        let events = match &plan {
            Plan::Tools if !after_tools => calls(1),
            Plan::Cut { answer, .. } if !after_tools => match answer {
                Answer::Closing => calls(1),
                first => first.events(),
            },
            Plan::Tools | Plan::Cut { .. } => closing(),
            Plan::Flood { calls: n, .. } if !after_tools && *n > 0 => calls(*n),
            Plan::Flood { text, .. } => flood(*text),
            Plan::Words { count, .. } => words(*count),
        };
        let mut left = match plan {
            Plan::Cut { answer, after } if after_tools == (answer == Answer::Closing) => after,
            _ => usize::MAX,
        };
        for (event, text) in events {
            let bytes = event.as_bytes();
            let part = &bytes[..bytes.len().min(left)];
            socket.write_all(part).await?;
            left -= part.len();
            if part.len() < bytes.len() {
                socket.flush().await?;
                return Err("cut".into());
            }
            if let Some(logged) = self.log().get_mut(number) {
                logged.text_sent += text;
                logged.usage_sent |= event.contains("\"usage\"");
            }
            if let Plan::Words { pause, .. } = plan {
                socket.flush().await?;
                tokio::time::sleep(pause).await;
            }
        }
        socket.shutdown().await?;
        Err("closed".into())
    }
}

/// What the server counts of an answer.
pub(crate) const OUTPUT_TOKENS: u64 = 10;
/// Tokens that it counts for each request.
pub(crate) const INPUT_TOKENS: u64 = 100;

/// The text of an answer that calls a tool.
pub(crate) const CALLING_TEXT: &str = "A moment, it is being painted. ";

/// The text of the last answer.
pub(crate) const CLOSING_TEXT: &str = "Here is what you asked for, painted anew.";

/// Whether the last answer in a request called tools. Their images come behind the results, as a
/// message of the user.
fn has_results(body: &Value) -> bool {
    let messages = body["messages"].as_array();
    let answer = messages.and_then(|all| all.iter().rfind(|one| one["role"] == "assistant"));
    let behind_tool = messages.is_some_and(|all| all.iter().any(|one| one["role"] == "tool"));
    let calls = answer.is_some_and(|answer| answer["tool_calls"].is_array());
    // A text behind the results is a new question.
    let asked = messages
        .and_then(|all| all.last())
        .is_some_and(|last| last["role"] == "user" && last["content"].is_string());
    calls && behind_tool && !asked
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let event = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
        "model": "mock-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {event}\n\n")
}

fn end() -> [(String, usize); 2] {
    let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
        "model": "mock-1", "choices": [], "usage": {"prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}});
    [
        (format!("data: {usage}\n\n"), 0),
        ("data: [DONE]\n\n".to_owned(), 0),
    ]
}

fn calls(count: usize) -> Vec<(String, usize)> {
    let mut events: Vec<(String, usize)> = (0..count)
        .map(|index| {
            let call = json!({"tool_calls": [{"index": index, "id": format!("call_{index}"),
                "type": "function", "function": {"name": "paint", "arguments": "{}"}}]});
            (chunk(&call, None), 0)
        })
        .collect();
    events.push((chunk(&json!({}), Some("tool_calls")), 0));
    events.extend(end());
    events
}

/// The call comes in pieces.
fn calling() -> Vec<(String, usize)> {
    let mut events = text(CALLING_TEXT);
    let pieces = [
        json!({"index": 0, "id": "call_0", "type": "function",
            "function": {"name": "paint", "arguments": ""}}),
        json!({"index": 0, "function": {"arguments": "{"}}),
        json!({"index": 0, "function": {"arguments": "}"}}),
    ];
    events.extend(pieces.map(|piece| (chunk(&json!({"tool_calls": [piece]}), None), 0)));
    events.push((chunk(&json!({}), Some("tool_calls")), 0));
    events.extend(end());
    events
}

fn text(whole: &str) -> Vec<(String, usize)> {
    let words = whole.split_inclusive(' ');
    let event = |word: &str| (chunk(&json!({"content": word}), None), word.len());
    words.map(event).collect()
}

fn closing() -> Vec<(String, usize)> {
    let mut events = text(CLOSING_TEXT);
    events.push((chunk(&json!({}), Some("stop")), 0));
    events.extend(end());
    events
}

fn words(count: usize) -> Vec<(String, usize)> {
    let mut events: Vec<(String, usize)> = (0..count)
        .map(|n| {
            let word = format!("word{n} ");
            (chunk(&json!({"content": word}), None), word.len())
        })
        .collect();
    events.push((chunk(&json!({}), Some("stop")), 0));
    events.extend(end());
    events
}

fn flood(text: usize) -> Vec<(String, usize)> {
    const PIECE: usize = 4096;
    let piece = "x".repeat(PIECE);
    let mut events: Vec<(String, usize)> = (0..text.div_ceil(PIECE))
        .map(|_| (chunk(&json!({"content": piece}), None), PIECE))
        .collect();
    events.push((chunk(&json!({}), Some("stop")), 0));
    events.extend(end());
    events
}

async fn read_request(socket: &mut TcpStream) -> Result<Value> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let mut body = Vec::new();
    if let Some(len) = header("content-length: ") {
        body.resize(len.trim().parse()?, 0);
        socket.read_exact(&mut body).await?;
    } else {
        read_chunks(socket, &mut body).await?;
    }
    Ok(serde_json::from_slice(&body)?)
}

async fn read_chunks(socket: &mut TcpStream, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(socket.read_u8().await?);
        }
        let len = usize::from_str_radix(std::str::from_utf8(&line)?.trim(), 16)?;
        let from = body.len();
        body.resize(from + len, 0);
        socket.read_exact(&mut body[from..]).await?;
        socket.read_u16().await?;
        if len == 0 {
            return Ok(());
        }
    }
}
