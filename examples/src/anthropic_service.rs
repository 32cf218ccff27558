//! The second service of an example that uses two: Anthropic's where a key is given, else the local peer.

use std::fmt;

use conversation_sdk::AnthropicProvider;

use crate::errors::Failure;
use crate::peer::ANTHROPIC_MODEL;
use crate::peer::process::LocalPeer;
use crate::service::{Service, shown, start_peer, variable};

/// Where Anthropic's API is, unless `ANTHROPIC_BASE_URL` says otherwise.
const ANTHROPIC: &str = "https://api.anthropic.com/v1";

/// An address, a key, and the model to ask for.
pub struct AnthropicService {
    base_url: String,
    key: String,
    model: String,
    is_local: bool,
    // Held where it is not that of the first service: dropping it ends the process.
    _peer: Option<LocalPeer>,
}

impl AnthropicService {
    /// Reads `ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL` and `ANTHROPIC_MODEL`; without a key, uses the local peer of the
    /// first service or starts one.
    ///
    /// # Errors
    /// When the peer does not start.
    pub async fn connect(first: &Service) -> Result<Self, Failure> {
        let key = variable("ANTHROPIC_API_KEY");
        let is_local = key.is_none();
        let (base_url, key, peer) = match (key, first.local()) {
            (Some(key), _) => {
                let base_url = variable("ANTHROPIC_BASE_URL");
                (base_url.unwrap_or_else(|| ANTHROPIC.to_owned()), key, None)
            }
            (None, Some((base_url, key))) => (base_url.to_owned(), key.to_owned(), None),
            (None, None) => {
                let peer = start_peer("ANTHROPIC_API_KEY").await?;
                (peer.base_url(), peer.key().to_owned(), Some(peer))
            }
        };
        Ok(Self {
            base_url,
            key,
            model: variable("ANTHROPIC_MODEL").unwrap_or_else(|| ANTHROPIC_MODEL.to_owned()),
            is_local,
            _peer: peer,
        })
    }

    /// The model for conversations, as a provider of the library.
    #[must_use]
    pub fn provider(&self) -> AnthropicProvider {
        AnthropicProvider::new(&self.key, &self.model).with_base_url(&self.base_url)
    }

    /// What a person should know before anything is sent.
    #[must_use]
    pub fn notice(&self) -> String {
        if self.is_local {
            return "No ANTHROPIC_API_KEY: a local peer answers for Anthropic too, which costs nothing."
                .to_owned();
        }
        format!(
            "ANTHROPIC_API_KEY is set: this talks to {} (model {}) and COSTS MONEY. Ctrl-C stops it.",
            shown(&self.base_url),
            self.model
        )
    }
}

impl fmt::Debug for AnthropicService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicService")
            .field("base_url", &shown(&self.base_url))
            .field("model", &self.model)
            .field("local", &self.is_local)
            .finish_non_exhaustive()
    }
}
