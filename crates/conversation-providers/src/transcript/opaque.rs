//! Items and data that go back to a provider verbatim.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use conversation_types::{Message, OpaqueData, Part, ProviderData, RawJson, Role};
use media_loader::MediaLoader;
use media_types::{MediaContent, Mime, StorageReference};

use super::rules::TranscriptRules;
use super::spoken::SpokenAudio;
use super::steps::first_within;
use super::texts::{LoadedTexts, Place};
use crate::request::ProviderRequest;

/// Most bytes of opaque data of one request that are loaded from stores. The newest round goes whole.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most bytes of one round.
const MAX_ROUND: u64 = 64 * 1024 * 1024;
/// What data counts whose size is not known.
const UNKNOWN_SIZE: u64 = 1024 * 1024;

/// The opaque data and the files of text of a request that are in stores, loaded.
///
/// Opaque data belongs together: reasoning is refused without what follows it, what follows it by its id
/// without the reasoning. So a round, which is a message of the user and all up to the next, has all of its
/// data or none. Where there is too much, the oldest rounds go without, in steps.
#[derive(Debug, Default)]
pub(crate) struct LoadedOpaque {
    json: HashMap<String, RawJson>,
    /// The places of messages that go out without their data.
    bare: HashSet<usize>,
    texts: LoadedTexts,
    /// The account that a request goes to.
    account: Option<String>,
}

impl LoadedOpaque {
    /// Loads the stored data of an API's family, and the files of text, that the messages of a request hold
    /// which the provider does not have.
    pub(crate) async fn load(
        rules: &TranscriptRules,
        request: &ProviderRequest<'_>,
        loader: &MediaLoader,
    ) -> Self {
        let family = rules.family;
        let (messages, known) = (request.messages, request.known);
        let mut loaded = Self::default();
        if rules.takes_opaque_items {
            loaded.load_rounds(family, messages, known, loader).await;
        }
        loaded.texts = LoadedTexts::load(family, messages, known, loader).await;
        loaded
    }

    async fn load_rounds(
        &mut self,
        family: &str,
        messages: &[Message],
        known: usize,
        loader: &MediaLoader,
    ) {
        let rounds: Vec<Round> = rounds(messages, known)
            .map(|places| Round::new(family, messages, places))
            .collect();
        let first = first_within(rounds.iter().map(|round| round.size), MAX_BYTES);
        for (at, round) in rounds.into_iter().enumerate() {
            let is_whole = at >= first && self.load_round(&round, loader).await;
            if !is_whole {
                if at >= first {
                    tracing::warn!(
                        family,
                        "opaque data of the provider cannot be loaded; its round goes without"
                    );
                }
                self.bare.extend(round.places);
            }
        }
    }

    /// Loads the data of a round; returns whether all of it is there.
    async fn load_round(&mut self, round: &Round, loader: &MediaLoader) -> bool {
        if round.size > MAX_ROUND {
            return false;
        }
        for reference in &round.stored {
            let key = key(reference);
            if self.json.contains_key(&key) {
                continue;
            }
            let Some(json) = load_one(reference, loader).await else {
                return false;
            };
            self.json.insert(key, json);
        }
        true
    }

    /// Sets the account that the request goes to. Defaults to an unknown one: what only its own
    /// account can name goes out in full.
    #[cfg(feature = "http-client")]
    pub(crate) fn with_account(mut self, account: String) -> Self {
        self.account = Some(account);
        self
    }

    /// Returns the base URL and the account that the request goes to, where they are known.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Returns the data of audio that the account of the request can name.
    pub(super) fn named_audio(&self, data: Option<&OpaqueData>) -> Option<RawJson> {
        let data = self.json(data?)?;
        let audio = SpokenAudio::of(data)?;
        let is_kept = audio.is_kept_for(self.account.as_deref()?);
        is_kept.then(|| data.clone())
    }

    /// Returns whether a message, by its place, goes out without its opaque data.
    pub(super) fn is_bare(&self, at: usize) -> bool {
        self.bare.contains(&at)
    }

    /// Returns the text of the text file at a place.
    pub(super) fn text(&self, place: Place) -> Option<&str> {
        self.texts.get(place)
    }

    /// Returns the JSON of opaque data; `None` where it is in a store and was not loaded.
    pub(super) fn json<'a>(&'a self, data: &'a OpaqueData) -> Option<&'a RawJson> {
        match data {
            OpaqueData::Stored(reference) => self.json.get(&key(reference)),
            other => other.json(),
        }
    }
}

/// A message of the user and all up to the next, with the data of it that is in stores.
#[derive(Debug)]
struct Round {
    places: Range<usize>,
    stored: Vec<StorageReference>,
    size: u64,
}

impl Round {
    fn new(family: &str, messages: &[Message], places: Range<usize>) -> Self {
        let stored = stored(family, messages.get(places.clone()).unwrap_or_default());
        let sizes = stored
            .iter()
            .map(|data| data.size().unwrap_or(UNKNOWN_SIZE));
        Self {
            size: sizes.fold(0, u64::saturating_add),
            places,
            stored,
        }
    }
}

/// The rounds of messages from a place on.
fn rounds(messages: &[Message], from: usize) -> impl Iterator<Item = Range<usize>> {
    let later = messages.iter().enumerate().skip(from + 1);
    let starts = later.filter(|(_, message)| message.role == Role::User);
    let starts: Vec<usize> = std::iter::once(from)
        .chain(starts.map(|(at, _)| at))
        .collect();
    let ends = starts.clone().into_iter().skip(1).chain([messages.len()]);
    starts.into_iter().zip(ends).map(|(start, end)| start..end)
}

async fn load_one(reference: &StorageReference, loader: &MediaLoader) -> Option<RawJson> {
    let content = MediaContent::from_reference(Mime::OCTET_STREAM, reference.clone());
    let options = loader.options().clone().with_max_bytes(MAX_ROUND);
    let bytes = loader.with_options(options).bytes(&content).await.ok()?;
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    RawJson::from_text(text).ok()
}

fn key(reference: &StorageReference) -> String {
    let store = reference.store_name().unwrap_or_default();
    format!("{}\n{store}\n{}", reference.backend(), reference.id())
}

/// The references of a family's data, in order.
fn stored(family: &str, messages: &[Message]) -> Vec<StorageReference> {
    let mut found = Vec::new();
    let mut add = |data: Option<&OpaqueData>| {
        found.extend(data.and_then(OpaqueData::reference).cloned());
    };
    for message in messages {
        for part in &message.content {
            match part {
                Part::Text(text) => add(text.provider_data.get(family)),
                Part::Media(media) => add(ProviderData::of_media(media).get(family)),
                Part::Reasoning {
                    opaque: Some((api, item)),
                    ..
                } if api == family => add(Some(item)),
                Part::Opaque { api, item, .. } if api == family => add(Some(item)),
                _ => {}
            }
        }
        for call in &message.tool_calls {
            add(call.provider_data.get(family));
        }
    }
    found
}
