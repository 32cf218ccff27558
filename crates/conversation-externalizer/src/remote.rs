//! Media at addresses that are not ours.

use bytes::Bytes;
use conversation_types::{Message, Part};
use media_types::{MediaContent, MediaSource, MediaUrl, Mime, StorageReference};

use super::url_secrets::{has_secrets, object_url};

/// The attribute that names where media was fetched from, without a signature.
const SOURCE_URL: &str = "source_url";

/// Longest name that is taken from a URL, in bytes.
const MAX_NAME: usize = 128;

/// What happens to media that a message names by a URL.
///
/// Whatever is chosen, a URL that is seen to hold a signature, a token or a password is not kept: what
/// it gives access to is fetched and kept in its place, or the media is omitted. Names of parameters
/// tell, and a user before the host; a secret in the path is not recognized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteMedia {
    /// It is omitted; nothing is fetched, and no provider gets the URL.
    Omit,
    /// It is fetched once, when its message is written, and kept as other media is. Media that the
    /// conversation has fetched before is not fetched again. What cannot be fetched stays a URL, for
    /// providers that fetch it themselves. This is the default.
    #[default]
    FetchAndKeep,
    /// It stays a URL, which a provider that takes URLs fetches in each turn again, and which is
    /// omitted for others.
    PassThrough,
}

/// What is done about one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RemoteAction {
    /// It is fetched. One that cannot be fetched stays, unless it holds secrets.
    Fetch { is_secret: bool },
    /// It is not kept, for this reason.
    Omit(&'static str),
}

impl RemoteMedia {
    /// Returns what is done about a URL; `None` where it stays. `may_fetch` is false for an answer that
    /// is still arriving, and for older messages.
    pub(super) fn action(self, url: &MediaUrl, may_fetch: bool) -> Option<RemoteAction> {
        let is_secret = has_secrets(url);
        match self {
            Self::Omit => Some(RemoteAction::Omit("media at URLs is not used")),
            _ if !may_fetch => is_secret.then_some(RemoteAction::Omit("its URL was not fetched")),
            Self::PassThrough if !is_secret => None,
            Self::PassThrough | Self::FetchAndKeep => Some(RemoteAction::Fetch { is_secret }),
        }
    }
}

/// Returns media of earlier messages that came from the same URL.
pub(super) fn fetched_before(
    url: &MediaUrl,
    earlier: &[&Message],
) -> Option<(StorageReference, Mime)> {
    let object = object_url(url)?;
    let of_url = |media: &&MediaContent| {
        let source = media.attribute(SOURCE_URL).and_then(|value| value.as_str());
        source == Some(object.as_str())
    };
    let parts = earlier.iter().rev().flat_map(|message| &message.content);
    let mut media = parts.filter_map(Part::as_media).filter(of_url);
    media.find_map(|media| Some((media.reference()?.clone(), media.mime().clone())))
}

/// Forgets where media says that it came from: only media that was fetched here is believed.
pub(super) fn forget_sources(messages: &mut [Message]) {
    let parts = messages.iter_mut().flat_map(|message| &mut message.content);
    for part in parts {
        if let Part::Media(media) = part
            && media.attribute(SOURCE_URL).is_some()
        {
            let bare = MediaContent::from_bytes(media.mime().clone(), Bytes::new());
            let others = media.attributes().iter();
            *media = others
                .filter(|(name, _)| *name != SOURCE_URL)
                .fold(bare, |new, (name, value)| {
                    new.with_attribute(name, value.clone())
                })
                .with_source(media.source().clone());
        }
    }
}

/// Notes on fetched media where it came from.
pub(super) fn with_source_url(content: MediaContent, source: &MediaSource) -> MediaContent {
    match source {
        MediaSource::Url(url) => match object_url(url) {
            Some(url) => content.with_attribute(SOURCE_URL, url.as_str()),
            None => content,
        },
        _ => content,
    }
}

/// Returns the file name at the end of a URL's path, if it has one.
pub(super) fn name_in_url(url: &MediaUrl) -> Option<&str> {
    let text = url.as_str();
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let path = text.get(..end)?.split_once("://")?.1.split_once('/')?.1;
    let name = path.rsplit('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = name.contains('.') && !name.starts_with('.') && name.len() <= MAX_NAME;
    (is_name && name.bytes().all(is_plain)).then_some(name)
}
