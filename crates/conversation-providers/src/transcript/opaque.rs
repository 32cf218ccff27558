//! Items and data that go back to a provider verbatim.

use std::collections::HashMap;

use conversation_types::{Message, OpaqueData, Part, ProviderData, RawJson};
use media_loader::MediaLoader;
use media_types::{MediaContent, Mime, StorageReference};

use super::spoken::SpokenAudio;
use super::texts::LoadedTexts;

/// Most bytes of opaque data of one request that are loaded from stores.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The opaque data and the files of text of a request that are in stores, loaded.
///
/// Data that cannot be loaded is left out of the request.
#[derive(Debug, Default)]
pub(crate) struct LoadedOpaque {
    json: HashMap<String, RawJson>,
    texts: LoadedTexts,
    /// The account that a request goes to.
    account: Option<String>,
}

impl LoadedOpaque {
    /// Loads the stored data of a family, the newest first, and the files of text, that messages hold.
    pub(crate) async fn load(family: &str, messages: &[Message], loader: &MediaLoader) -> Self {
        let mut loaded = HashMap::new();
        let mut left = MAX_BYTES;
        for reference in stored(family, messages).into_iter().rev() {
            let key = key(&reference);
            if loaded.contains_key(&key) {
                continue;
            }
            match load_one(&reference, left, loader).await {
                Some((json, size)) => {
                    left = left.saturating_sub(size);
                    loaded.insert(key, json);
                }
                None => tracing::warn!(
                    family,
                    backend = reference.backend(),
                    "opaque data of the provider cannot be loaded; it is left out"
                ),
            }
        }
        let texts = LoadedTexts::load(family, messages, loader).await;
        Self {
            json: loaded,
            texts,
            account: None,
        }
    }

    /// Sets the account that the request goes to. Defaults to an unknown one: what only its own
    /// account can name goes out in full.
    #[cfg(feature = "http-client")]
    pub(crate) fn with_account(mut self, account: String) -> Self {
        self.account = Some(account);
        self
    }

    /// Returns the data of audio that the account of the request can name.
    pub(super) fn named_audio(&self, data: Option<&OpaqueData>) -> Option<RawJson> {
        let data = self.json(data?)?;
        let audio = SpokenAudio::of(data)?;
        let is_kept = audio.is_kept_for(self.account.as_deref()?);
        is_kept.then(|| data.clone())
    }

    /// Returns the words of a file of text.
    pub(super) fn text(&self, content: &MediaContent) -> Option<&str> {
        self.texts.get(content)
    }

    /// Returns the JSON of opaque data; `None` where it is in a store and was not loaded.
    pub(super) fn json<'a>(&'a self, data: &'a OpaqueData) -> Option<&'a RawJson> {
        match data {
            OpaqueData::Stored(reference) => self.json.get(&key(reference)),
            other => other.json(),
        }
    }
}

async fn load_one(
    reference: &StorageReference,
    limit: u64,
    loader: &MediaLoader,
) -> Option<(RawJson, u64)> {
    if reference.size().is_some_and(|size| size > limit) {
        return None;
    }
    let content = MediaContent::from_reference(Mime::OCTET_STREAM, reference.clone());
    let options = loader.options().clone().with_max_bytes(limit);
    let bytes = loader.with_options(options).bytes(&content).await.ok()?;
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let json = RawJson::from_text(text).ok()?;
    Some((json, bytes.len() as u64))
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
