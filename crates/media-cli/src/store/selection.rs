//! Which media of a store a command is about.

use chrono::{DateTime, Utc};
use clap::Args;
use media_storage::{Entry, Scope};
use media_types::MediaType;

use crate::quantity::{parse_bytes, parse_time};
use crate::store::arguments::Owner;

/// Conditions that media must meet, all of them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    #[command(flatten)]
    pub(crate) owner: Owner,

    /// Kind or MIME type: image, audio, video, document, image/png, image/*.
    #[arg(long = "type", value_name = "TYPE", value_parser = type_pattern)]
    pub(crate) media_type: Option<String>,

    /// Stored at this time or later: 2026-01-31, an RFC 3339 time, or 7d (that long ago).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) since: Option<DateTime<Utc>>,

    /// Stored before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) before: Option<DateTime<Utc>>,

    /// Larger than this: 500, 10k, 1.5GiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) larger: Option<u64>,
}

fn type_pattern(text: &str) -> Result<String, String> {
    let kinds = ["image", "audio", "video", "document"];
    if kinds.contains(&text)
        || text
            .split_once('/')
            .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
    {
        return Ok(text.to_ascii_lowercase());
    }
    Err("expected image, audio, video, document or a MIME type".to_owned())
}

impl Selection {
    /// Returns the smallest scope of a store that holds everything selected.
    pub(crate) fn scope(&self) -> Scope {
        let Owner {
            user,
            session,
            conversation,
            run,
        } = &self.owner;
        if let Some(conversation) = conversation {
            Scope::Conversation(conversation.clone())
        } else if let Some(session) = session {
            Scope::Session(session.clone())
        } else if let Some(run) = run {
            Scope::Run(run.clone())
        } else if let Some(user) = user {
            Scope::User(user.clone())
        } else {
            Scope::All
        }
    }

    /// Returns whether nothing is left out.
    pub(crate) fn is_everything(&self) -> bool {
        self.scope() == Scope::All
            && self.media_type.is_none()
            && self.since.is_none()
            && self.before.is_none()
            && self.larger.is_none()
    }

    /// Returns whether an entry meets the conditions.
    pub(crate) fn includes(&self, entry: &Entry) -> bool {
        let Owner {
            user,
            session,
            conversation,
            run,
        } = &self.owner;
        let metadata = &entry.metadata;
        user.as_ref().is_none_or(|id| metadata.user() == Some(id))
            && session
                .as_ref()
                .is_none_or(|id| metadata.session() == Some(id))
            && conversation
                .as_ref()
                .is_none_or(|id| metadata.conversation() == Some(id))
            && run.as_ref().is_none_or(|id| metadata.run() == Some(id))
            && self.since.is_none_or(|since| entry.stored_at >= since)
            && self.before.is_none_or(|before| entry.stored_at < before)
            && self
                .larger
                .is_none_or(|size| entry.reference.size().is_some_and(|n| n > size))
            && self
                .media_type
                .as_ref()
                .is_none_or(|pattern| matches(pattern, entry))
    }
}

fn matches(pattern: &str, entry: &Entry) -> bool {
    let mime = entry.mime.to_string();
    match pattern {
        "image" => entry.mime.media_type() == MediaType::Image,
        "audio" => entry.mime.media_type() == MediaType::Audio,
        "video" => entry.mime.media_type() == MediaType::Video,
        "document" => entry.mime.media_type() == MediaType::Document,
        pattern => match pattern.strip_suffix("/*") {
            Some(kind) => mime.split('/').next() == Some(kind),
            None => mime == pattern,
        },
    }
}
