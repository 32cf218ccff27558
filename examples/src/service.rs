//! Which service the examples talk to: OpenAI's or a compatible one where a key is given, else the local peer.

use std::env;
use std::fmt;
use std::sync::Arc;

use conversation_sdk::{ImageGenerationTool, OpenAiImages, OpenAiProvider};

use crate::errors::Failure;
use crate::peer::process::LocalPeer;
use crate::peer::{AUDIO_MODEL, CHAT_MODEL, IMAGE_MODEL};

/// Where OpenAI's API is, unless `OPENAI_BASE_URL` says otherwise.
const OPENAI: &str = "https://api.openai.com/v1";

/// An address, a key, and the models to ask for.
pub struct Service {
    base_url: String,
    key: String,
    chat_model: String,
    image_model: String,
    audio_model: String,
    peer: Option<LocalPeer>,
}

impl Service {
    /// Reads `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_MODEL`, `OPENAI_IMAGE_MODEL` and `OPENAI_AUDIO_MODEL`; without
    /// a key, starts the local peer.
    ///
    /// # Errors
    /// When the peer does not start.
    pub async fn connect() -> Result<Self, Failure> {
        let models = |service: (String, String, Option<LocalPeer>)| {
            let (base_url, key, peer) = service;
            Self {
                base_url,
                key,
                chat_model: variable("OPENAI_MODEL").unwrap_or_else(|| CHAT_MODEL.to_owned()),
                image_model: variable("OPENAI_IMAGE_MODEL")
                    .unwrap_or_else(|| IMAGE_MODEL.to_owned()),
                audio_model: variable("OPENAI_AUDIO_MODEL")
                    .unwrap_or_else(|| AUDIO_MODEL.to_owned()),
                peer,
            }
        };
        if let Some(key) = variable("OPENAI_API_KEY") {
            let base_url = variable("OPENAI_BASE_URL").unwrap_or_else(|| OPENAI.to_owned());
            return Ok(models((base_url, key, None)));
        }
        let peer = start_peer("OPENAI_API_KEY").await?;
        Ok(models((peer.base_url(), peer.key().to_owned(), Some(peer))))
    }

    /// The model for conversations, as a provider of the library.
    #[must_use]
    pub fn provider(&self) -> OpenAiProvider {
        OpenAiProvider::new(&self.key, &self.chat_model).with_base_url(&self.base_url)
    }

    /// The model that takes audio, as a provider of the library.
    #[must_use]
    pub fn audio_provider(&self) -> OpenAiProvider {
        OpenAiProvider::new(&self.key, &self.audio_model).with_base_url(&self.base_url)
    }

    /// The model for images, as a generator of the library.
    #[must_use]
    pub fn images(&self) -> OpenAiImages {
        // Older servers answer with an address that expires unless they are asked for the bytes; newer models know
        // nothing else than bytes, and the library leaves the parameter out for them.
        OpenAiImages::new(&self.key, &self.image_model)
            .with_base_url(&self.base_url)
            .with_parameter("response_format", "b64_json")
    }

    /// The model for images, as a tool that a pack calls by this name.
    #[must_use]
    pub fn image_tool(&self, name: &str) -> ImageGenerationTool {
        ImageGenerationTool::new(Arc::new(self.images())).with_name(name)
    }

    /// The address and the key of the local peer, where it answers.
    #[must_use]
    pub fn local(&self) -> Option<(&str, &str)> {
        let local = (self.base_url.as_str(), self.key.as_str());
        self.peer.as_ref().map(|_| local)
    }

    /// Whether answers come from this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.peer.is_some()
    }

    /// What a person should know before anything is sent.
    #[must_use]
    pub fn notice(&self) -> String {
        if self.is_local() {
            let mut notice = "No OPENAI_API_KEY: a local peer answers, which costs nothing. Costs shown are the \
                              service's list prices."
                .to_owned();
            if variable("OPENAI_BASE_URL").is_some() {
                notice.push_str("\nOPENAI_BASE_URL is set but not used without OPENAI_API_KEY.");
            }
            return notice;
        }
        format!(
            "OPENAI_API_KEY is set: this talks to {} (models {}, {}, {}) and COSTS MONEY. Ctrl-C stops it.",
            shown(&self.base_url),
            self.chat_model,
            self.image_model,
            self.audio_model
        )
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("base_url", &shown(&self.base_url))
            .field("chat_model", &self.chat_model)
            .field("image_model", &self.image_model)
            .field("audio_model", &self.audio_model)
            .field("local", &self.is_local())
            .finish_non_exhaustive()
    }
}

/// Starts the local peer; `variable` names what is set to do without.
pub(crate) async fn start_peer(variable: &str) -> Result<LocalPeer, Failure> {
    LocalPeer::start().await.map_err(|error| {
        let advice = format!(
            "Set {variable} to use a service instead, or see why this program cannot start itself"
        );
        Failure::new("the local peer does not start", advice).with_source(error)
    })
}

/// The value of a variable; an empty one counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// A URL without what may be secret in it.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}")
                .trim_end_matches('/')
                .to_owned()
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn secrets_in_a_url_are_not_shown() {
        assert_eq!(
            shown("https://user:pass@example.com/v1?key=1#x"),
            "https://example.com/v1"
        );
        assert_eq!(shown("https://example.com"), "https://example.com");
        assert_eq!(
            shown("http://127.0.0.1:8080/v1/"),
            "http://127.0.0.1:8080/v1"
        );
        assert_eq!(shown("nonsense"), "nonsense");
    }
}
