//! Notes that stand for media which is not sent.

use std::fmt;

use media_types::{MediaContent, MediaSource, StorageReference};

/// Media that a model got as a note instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaNote {
    /// File name of the reference, or what else names the media.
    pub name: String,
    /// Why, in a few words: `no longer available`, `too large for this provider`, ...
    pub reason: String,
    /// Why, for code that decides what to do about it.
    pub cause: NoteCause,
    /// The reference of the media, where it is in a store.
    pub reference: Option<StorageReference>,
}

/// Why media was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoteCause {
    /// It is not there: deleted, expired, not of this conversation, not to be reached.
    #[default]
    Unavailable,
    /// The provider does not take this type, or not in a form that could be made.
    Unsupported,
    /// Larger than the provider takes in one item or one request.
    TooLarge,
    /// More media than the provider takes in one request.
    TooMany,
    /// The provider refused it; sending it again leads to the same.
    Refused,
    /// Reading it failed while it was sent.
    Failed,
}

/// Longest caption or transcript that goes into a note, in characters.
const MAX_WORDS: usize = 500;

impl MediaNote {
    /// A note about named media.
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reason: reason.into(),
            cause: NoteCause::default(),
            reference: None,
        }
    }

    /// A note about this media.
    pub fn about(content: &MediaContent, cause: NoteCause, reason: impl Into<String>) -> Self {
        Self {
            name: name_of(content),
            reason: reason.into(),
            cause,
            reference: content.reference().cloned(),
        }
    }

    /// Sets the cause. Default: [`NoteCause::Unavailable`].
    #[must_use]
    pub fn with_cause(mut self, cause: NoteCause) -> Self {
        self.cause = cause;
        self
    }

    /// What the model reads in place of the media: its kind, its name, why it is not there, and
    /// what is known about it in words.
    pub fn text(&self, content: &MediaContent) -> String {
        let mut text = format!(
            "[{} \"{}\" is not attached: {}.",
            content.media_type(),
            self.name,
            self.reason
        );
        for (label, words) in [
            ("Caption", content.caption()),
            ("Transcript", content.transcript()),
        ] {
            if let Some(words) = words {
                let words: String = words.chars().take(MAX_WORDS).collect();
                text.push_str(&format!(" {label}: {words}"));
            }
        }
        text.push(']');
        text
    }
}

impl fmt::Display for MediaNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// What names media: its file name, else the last part of its reference or path, else where it is.
fn name_of(content: &MediaContent) -> String {
    let name = match (content.filename(), content.source()) {
        (Some(name), _) => name.to_owned(),
        (None, MediaSource::Stored(reference)) => reference.file_name().to_owned(),
        (None, MediaSource::File(path)) => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        (None, MediaSource::Url(url)) => url.to_string(),
        (None, MediaSource::ProviderFile(file)) => file.id().to_owned(),
        (None, _) => format!("inline.{}", content.mime().extension()),
    };
    let tame = |c: char| if c.is_control() || c == '"' { '_' } else { c };
    name.chars().map(tame).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::{MediaUrl, Mime};

    #[test]
    fn a_note_tells_what_is_known() {
        let content = MediaContent::from_bytes(Mime::IMAGE_PNG, "secret")
            .with_filename("sun\"set\n.png")
            .with_caption("a red sun");
        let note = MediaNote::about(&content, NoteCause::TooLarge, "too large for this provider");
        assert_eq!(
            note.text(&content),
            "[image \"sun_set_.png\" is not attached: too large for this provider. Caption: a red sun]"
        );
        assert_eq!(note.cause, NoteCause::TooLarge);
    }

    #[test]
    fn names_hold_no_secrets() {
        let url = MediaUrl::new("https://h/a.png?sig=secret").unwrap();
        let content = MediaContent::from_url(Mime::IMAGE_PNG, url);
        let note = MediaNote::about(&content, NoteCause::Refused, "refused");
        assert_eq!(note.name, "https://h/a.png?...");
        let path = MediaContent::from_path(Mime::IMAGE_PNG, "/home/someone/a.png");
        let note = MediaNote::about(&path, NoteCause::Unavailable, "x");
        assert_eq!(note.name, "a.png");
    }
}
