//! One turn, taken and reported.

use std::fmt;

use conversation_sdk::{Conversation, Response, UserMessage};

use media_types::MediaSource;

use crate::advice::failed;
use crate::errors::Failure;
use crate::memory::resident_bytes;
use crate::sizes::{human, human_change};
use crate::terminal::Progress;

/// What a turn brought and left behind.
#[derive(Debug)]
pub struct Turn {
    response: Response,
    memory: Option<(u64, u64)>,
}

impl Turn {
    /// Sends a message and waits for the answer, showing progress; `None` when Ctrl-C came first: then what had
    /// arrived is kept.
    ///
    /// # Errors
    /// When the turn fails.
    pub async fn take(
        conversation: &mut Conversation,
        message: impl Into<UserMessage> + Send,
    ) -> Result<Option<Self>, Failure> {
        let before = resident_bytes();
        let progress = Progress::start("at work");
        let response = tokio::select! {
            response = conversation.send(message) => response.map_err(failed)?,
            _ = tokio::signal::ctrl_c() => {
                // Dropping the turn interrupts it; what has arrived is kept.
                return Ok(None);
            }
        };
        drop(progress);
        let memory = before.zip(resident_bytes());
        Ok(Some(Self { response, memory }))
    }

    /// What a program ends with after Ctrl-C.
    #[must_use]
    pub fn stopped() -> Failure {
        Failure::new(
            "stopped by Ctrl-C",
            "Run this again to go on; what was made is kept",
        )
    }

    /// The answer with all its messages.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl Turn {
    fn lines(&self) -> Vec<String> {
        let response = &self.response;
        let mut lines: Vec<String> = response
            .text()
            .lines()
            .map(|line| format!("  {line}"))
            .collect();
        for media in response.media() {
            let size = media
                .size()
                .map_or_else(String::new, |size| format!(" ({})", human(size)));
            lines.push(match media.source() {
                MediaSource::Stored(reference) => {
                    format!("  image: {}{size}", reference.file_name())
                }
                MediaSource::Url(_) => "  image: only an address, nothing was stored".to_owned(),
                _ => format!("  image: kept in the conversation{size}"),
            });
        }
        for kept in response.kept_inline() {
            lines.push(format!(
                "  not stored, so kept in the conversation: {}",
                kept.reason
            ));
        }
        for omitted in response.omitted_media() {
            lines.push(format!("  left out of the request: {omitted}"));
        }
        lines.extend(response.cost().map(|cost| format!("  cost:    {cost}")));
        lines.extend(self.memory.map(|(before, after)| {
            format!(
                "  memory:  {} ({} before, {} after)",
                human_change(before, after),
                human(before),
                human(after)
            )
        }));
        lines
    }
}
