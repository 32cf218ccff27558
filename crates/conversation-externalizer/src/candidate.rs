//! Which media of messages is to be stored.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use conversation_types::{Message, OpaqueData, Part, ProviderData, Role};
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource, MediaUrl, Mime, StorageReference, base64};

use super::draft::Draft;
use super::nested::ContentObjects;
use super::pacer::Pacer;
use super::pending::MediaKey;
use super::received::{ReceivedInfo, ReceivedLookup};
use super::remote::{RemoteAction, RemoteMedia};
use super::shape_media::is_held;

/// Opaque data below this size stays inline whatever the threshold: a reference is not smaller.
const MIN_OPAQUE: u64 = 1024;

/// How much JSON is read between two points at which other tasks may run.
const SLICE: usize = 64 * 1024;

/// Where in a part the bytes stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// The part is the media item.
    Media,
    /// A content object in JSON that is otherwise not understood.
    Nested(Range<usize>),
    /// The opaque data of the part.
    Opaque,
    /// Data of a family of APIs that belongs to a text part or media part.
    ProviderData(String),
    /// Data of a family of APIs that belongs to a tool call; the part is the call's index.
    CallData(String),
}

impl Site {
    /// Whether the bytes are no media, but data that goes back to a provider.
    pub(super) fn is_opaque(&self) -> bool {
        !matches!(self, Self::Media | Self::Nested(_))
    }
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    Inline(Bytes),
    Received(StorageReference, ReceivedInfo),
    File,
    /// At a URL of the content.
    Remote(RemoteAction),
}

/// Media or opaque data that is to be stored.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Index of the message in the batch.
    pub(super) message: usize,
    /// Index of the part in the draft, or of the tool call.
    pub(super) part: usize,
    pub(super) site: Site,
    pub(super) content: MediaContent,
    pub(super) payload: Payload,
    /// What the bytes are known by in other calls of the same turn.
    pub(super) key: Option<MediaKey>,
}

impl Candidate {
    /// Returns the number of inline bytes that are media.
    pub(super) fn inline_media(&self) -> u64 {
        match &self.payload {
            Payload::Inline(bytes) if self.site == Site::Media => bytes.len() as u64,
            _ => 0,
        }
    }

    /// Returns how much of the JSON of its message the bytes are.
    pub(super) fn inline_json(&self) -> u64 {
        match &self.payload {
            Payload::Inline(bytes) if self.site.is_opaque() => bytes.len() as u64,
            Payload::Inline(bytes) => base64::encoded_len(bytes.len() as u64),
            _ => 0,
        }
    }

    /// Returns the URL that is to be fetched, if any, and whether it holds secrets.
    pub(super) fn to_fetch(&self) -> Option<(&MediaUrl, bool)> {
        match (&self.payload, self.content.source()) {
            (Payload::Remote(RemoteAction::Fetch { is_secret }), MediaSource::Url(url)) => {
                Some((url, *is_secret))
            }
            _ => None,
        }
    }

    /// Returns the size in bytes, where it is known.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.payload {
            Payload::Inline(bytes) => Some(bytes.len() as u64),
            Payload::Received(_, info) => Some(info.size),
            Payload::File | Payload::Remote(_) => None,
        }
    }
}

/// Which media is to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    /// Decoded size from which inline media is stored; `None` without a store.
    pub(super) threshold: Option<u64>,
    pub(super) received: &'a dyn ReceivedLookup,
    /// Whether the same bytes may come again in a later call.
    pub(super) may_repeat: bool,
    /// What happens to media at URLs.
    pub(super) remote: RemoteMedia,
    /// Whether media at URLs may be fetched.
    pub(super) may_fetch: bool,
}

impl Selection<'_> {
    /// Selects from one message. References to stored media and files at a provider stay.
    pub(super) async fn select(
        self,
        index: usize,
        message: &Message,
        draft: &Draft,
        pacer: &mut Pacer,
    ) -> Vec<Candidate> {
        let mut found = Vec::new();
        if message.role == Role::Unknown {
            return found;
        }
        let mut push = |part, site, content, payload| {
            found.push(Candidate {
                message: index,
                part,
                site,
                content,
                payload,
                key: None,
            });
        };
        for (position, part) in draft.parts(message).enumerate() {
            if let Part::Unknown(unknown) = part {
                for (span, content) in self.nested(unknown.json().get(), pacer).await {
                    if let Some(payload) = self.payload(&content)
                        && is_held(&content, self.received)
                    {
                        push(position, Site::Nested(span), content, payload);
                    }
                }
            }
            if let Part::Media(content) = part
                && let Some(payload) = self.payload(content)
            {
                push(position, Site::Media, content.clone(), payload);
            }
            for (site, data) in opaque_data(part) {
                if let Some(bytes) = self.opaque(&data) {
                    push(position, site, octets(&bytes), Payload::Inline(bytes));
                }
            }
        }
        for (position, call) in message.tool_calls.iter().enumerate() {
            for (api, data) in call.provider_data.iter() {
                if let Some(bytes) = self.opaque(data) {
                    let site = Site::CallData(api.to_owned());
                    push(position, site, octets(&bytes), Payload::Inline(bytes));
                }
            }
        }
        for candidate in &mut found {
            candidate.key = self.key(message, candidate, pacer).await;
        }
        found
    }

    async fn nested(self, json: &str, pacer: &mut Pacer) -> Vec<(Range<usize>, MediaContent)> {
        let mut objects = ContentObjects::new(json);
        while objects.advance(SLICE) {
            pacer.spend(SLICE).await;
        }
        let found = objects.finish();
        pacer.spend(json.len() % SLICE).await;
        found
    }

    fn payload(self, content: &MediaContent) -> Option<Payload> {
        match content.source() {
            MediaSource::Inline(bytes) => {
                let is_large = self.threshold.is_some_and(|t| bytes.len() as u64 >= t);
                is_large.then(|| Payload::Inline(bytes.clone()))
            }
            // A path that is not UTF-8 cannot stay in a message.
            MediaSource::File(path) => {
                (self.threshold.is_some() || path.to_str().is_none()).then_some(Payload::File)
            }
            MediaSource::Stored(reference) => {
                let info = self.received.find(reference)?;
                Some(Payload::Received(reference.clone(), info))
            }
            MediaSource::Url(url) => {
                let action = self.remote.action(url, self.may_fetch);
                action.map(Payload::Remote)
            }
            _ => None,
        }
    }

    fn opaque(self, data: &OpaqueData) -> Option<Bytes> {
        let text = data.json()?.get();
        let least = self.threshold?.max(MIN_OPAQUE);
        (text.len() as u64 >= least).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    async fn key(
        self,
        message: &Message,
        candidate: &Candidate,
        pacer: &mut Pacer,
    ) -> Option<MediaKey> {
        match &candidate.payload {
            Payload::Received(reference, _) => Some(MediaKey::Received(reference.id().to_owned())),
            Payload::Remote(_) => match candidate.content.source() {
                MediaSource::Url(url) => Some(MediaKey::Remote(url.clone())),
                _ => None,
            },
            Payload::Inline(bytes) if self.may_repeat => {
                let mut hasher = Sha256Hasher::new();
                for piece in bytes.chunks(256 * 1024) {
                    hasher.update(piece);
                    pacer.spend(piece.len()).await;
                }
                let hash = hasher.finish();
                Some(MediaKey::Inline(message.id.clone(), candidate.part, hash))
            }
            _ => None,
        }
    }
}

fn octets(bytes: &Bytes) -> MediaContent {
    MediaContent::from_bytes(Mime::OCTET_STREAM, bytes.clone())
}

/// The opaque data of a part.
fn opaque_data(part: &Part) -> Vec<(Site, Cow<'_, OpaqueData>)> {
    match part {
        Part::Reasoning {
            opaque: Some((_, data)),
            ..
        }
        | Part::Opaque { item: data, .. } => vec![(Site::Opaque, Cow::Borrowed(data))],
        Part::Text(text) => text
            .provider_data
            .iter()
            .map(|(api, data)| (Site::ProviderData(api.to_owned()), Cow::Borrowed(data)))
            .collect(),
        // Media keeps it among its attributes.
        Part::Media(content) => ProviderData::of_media(content)
            .iter()
            .map(|(api, data)| (Site::ProviderData(api.to_owned()), Cow::Owned(data.clone())))
            .collect(),
        _ => Vec::new(),
    }
}
