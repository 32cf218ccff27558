//! The file of capabilities.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::api::ApiCapabilities;
use crate::data::{DataError, check_version};

const BUILTIN: &str = include_str!("../../data/capabilities.v1.json");
const VERSION: u32 = 1;

/// The forms of media that each API accepts, up to which sizes, and how its models want their
/// parameters.
///
/// The built-in file can be replaced by one of the same form, such as for a compatible server that
/// accepts less:
///
/// ```
/// use conversation_providers::Capabilities;
/// let ours = Capabilities::from_json(r#"{
///     "format_version": 1, "revised": "2026-01-31",
///     "apis": {"openai.chat": {"max_items": 4, "media": [
///         {"mime": ["image/*"], "forms": ["base64"], "max_item_bytes": 5000000}
///     ]}}
/// }"#)?;
/// assert!(ours.api("openai.chat").is_some());
/// # Ok::<(), conversation_providers::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Capabilities {
    revised: String,
    apis: BTreeMap<String, Arc<ApiCapabilities>>,
}

#[derive(Deserialize)]
struct Wire {
    format_version: u32,
    revised: String,
    apis: BTreeMap<String, Arc<ApiCapabilities>>,
}

impl Capabilities {
    /// Returns the built-in file.
    pub fn builtin() -> Self {
        // A test reads the file; an API without an entry accepts no media.
        static FILE: LazyLock<Capabilities> = LazyLock::new(|| {
            Capabilities::from_json(BUILTIN).unwrap_or_else(|_| Capabilities {
                revised: String::new(),
                apis: BTreeMap::new(),
            })
        });
        FILE.clone()
    }

    /// Reads capabilities from JSON.
    ///
    /// # Errors
    /// JSON of another form or version.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        let wire: Wire = serde_json::from_str(json)?;
        check_version(wire.format_version, VERSION)?;
        Ok(Self {
            revised: wire.revised,
            apis: wire.apis,
        })
    }

    /// Returns the date of the file.
    pub fn revised(&self) -> &str {
        &self.revised
    }

    /// Returns what an API accepts: `openai.chat`, `openai.responses`, `openai.images`,
    /// `openai.files`, `anthropic.messages`, `anthropic.files`, `gemini.generate_content`, and the
    /// same elsewhere: `azure.chat`, `azure.responses`, `bedrock.anthropic`, `vertex.anthropic`,
    /// `vertex.gemini`.
    pub fn api(&self, name: &str) -> Option<Arc<ApiCapabilities>> {
        self.apis.get(name).map(Arc::clone)
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::builtin()
    }
}

#[cfg(test)]
mod tests;
