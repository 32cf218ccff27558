//! Media that is not there or not sent, with the reason.

use std::fmt;

use media_types::{MediaContent, MediaSource, MediaType, Mime, StorageReference};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::extra::ExtraFields;

/// The reason for which a media item is missing from a request or a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OmissionReason {
    /// It cannot be read: deleted, expired, of another conversation, or unreachable.
    #[default]
    Unavailable,
    /// The provider does not take the type, or none of the forms in which it could be sent.
    Unsupported,
    /// It is larger than the provider takes in one item or one request.
    TooLarge,
    /// The provider takes fewer media items in one request.
    TooMany,
    /// The provider refused it; sending it again has the same result.
    Refused,
    /// Reading it failed while it was sent.
    ReadFailed,
    /// The store failed, so its bytes were not kept.
    StorageFailed,
    /// A policy removed it.
    Policy,
    /// A reason of a later version, in its word.
    Other(String),
}

impl OmissionReason {
    /// Returns the word that stands for the reason in JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Refused => "refused",
            Self::ReadFailed => "read_failed",
            Self::StorageFailed => "storage_failed",
            Self::Policy => "policy",
            Self::Other(word) => word,
        }
    }

    /// Returns the reason that a word stands for.
    pub fn from_word(word: &str) -> Self {
        match word {
            "unavailable" => Self::Unavailable,
            "unsupported" => Self::Unsupported,
            "too_large" => Self::TooLarge,
            "too_many" => Self::TooMany,
            "refused" => Self::Refused,
            "read_failed" => Self::ReadFailed,
            "storage_failed" => Self::StorageFailed,
            "policy" => Self::Policy,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for OmissionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for OmissionReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OmissionReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}

/// A media item that is not there or was not sent.
///
/// As a part of a message it stands for media whose bytes could not be kept; in reports it names
/// media that a model did not get.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OmittedMedia {
    /// The name of the item: its file name, or the last part of its reference or path. It holds no
    /// control characters, and no query of a URL.
    pub name: String,
    /// Image, audio, video or document.
    pub media_type: MediaType,
    /// The MIME type.
    pub mime: Mime,
    /// The size in bytes, where it is known.
    pub size: Option<u64>,
    /// The reason.
    pub reason: OmissionReason,
    /// The reason in a few words, for people: `too large for this provider`. May be empty.
    pub detail: String,
    /// The reference of the item, where it is in a store.
    pub reference: Option<StorageReference>,
    /// What the item shows or says, where that is known.
    pub caption: Option<String>,
    /// Fields that this version does not know.
    pub extra: ExtraFields,
}

/// Longest caption or transcript that stands in for media, in characters.
const MAX_CAPTION_CHARS: usize = 500;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 200;

impl OmittedMedia {
    /// Creates an omission of a media item.
    pub fn new(media: &MediaContent, reason: OmissionReason, detail: impl Into<String>) -> Self {
        let words = media.caption().or_else(|| media.transcript());
        Self {
            name: name_of(media),
            media_type: media.media_type(),
            mime: media.mime().clone(),
            size: media.size(),
            reason,
            detail: detail.into(),
            reference: media.reference().cloned(),
            caption: words.map(|text| text.chars().take(MAX_CAPTION_CHARS).collect()),
            extra: ExtraFields::default(),
        }
    }

    /// Returns the text that a model reads in place of the item: its kind, its name, the reason,
    /// and its caption or transcript.
    pub fn text(&self) -> String {
        let why = match self.detail.as_str() {
            "" => self.reason.as_str(),
            detail => detail,
        };
        let mut text = format!(
            "[{} \"{}\" is not attached: {why}.",
            self.media_type, self.name
        );
        if let Some(caption) = &self.caption {
            text.push_str(" Caption: ");
            text.push_str(caption);
        }
        text.push(']');
        text
    }
}

impl fmt::Display for OmittedMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => write!(f, "{}: {}", self.name, self.reason),
            detail => write!(f, "{}: {detail}", self.name),
        }
    }
}

fn name_of(media: &MediaContent) -> String {
    let name = match (media.filename(), media.source()) {
        (Some(name), _) => name.to_owned(),
        (None, MediaSource::Stored(reference)) => reference.file_name().to_owned(),
        (None, MediaSource::File(path)) => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        // `Display` of a URL hides query and user.
        (None, MediaSource::Url(url)) => url.to_string(),
        (None, MediaSource::ProviderFile(file)) => file.id().to_owned(),
        (None, _) => format!("inline.{}", media.mime().extension()),
    };
    let printable = |c: char| if c.is_control() || c == '"' { '_' } else { c };
    name.chars().map(printable).take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::MediaUrl;

    #[test]
    fn the_text_says_what_is_known() {
        let content = MediaContent::from_bytes(Mime::IMAGE_PNG, "secret")
            .with_filename("sun\"set\n.png")
            .with_caption("a red sun");
        let omitted = OmittedMedia::new(
            &content,
            OmissionReason::TooLarge,
            "too large for this provider",
        );
        assert_eq!(
            omitted.text(),
            "[image \"sun_set_.png\" is not attached: too large for this provider. Caption: a red sun]"
        );
    }

    #[test]
    fn names_hold_no_secrets_and_no_paths() {
        let url = MediaUrl::new("https://h/a.png?sig=secret").unwrap();
        let content = MediaContent::from_url(Mime::IMAGE_PNG, url);
        let omitted = OmittedMedia::new(&content, OmissionReason::Refused, "");
        assert_eq!(omitted.name, "https://h/a.png?...");
        let path = MediaContent::from_path(Mime::IMAGE_PNG, "/home/someone/a.png");
        let omitted = OmittedMedia::new(&path, OmissionReason::Unavailable, "");
        assert_eq!(omitted.to_string(), "a.png: unavailable");
    }
}
