//! What the APIs of providers take, as data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use media_types::{MediaType, Mime};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::data::{DataError, check_version, fits};

const BUILTIN: &str = include_str!("../../data/capabilities.v1.json");
const VERSION: u32 = 1;

/// Which forms of media each API takes, up to which sizes, and how its models want their
/// parameters.
///
/// The file that is built in can be replaced by one of the same form, such as for a compatible
/// server that takes less:
///
/// ```
/// use conversation_sdk::provider::Capabilities;
/// let ours = Capabilities::from_json(r#"{
///     "format_version": 1, "revised": "2026-01-31",
///     "apis": {"openai.chat": {"max_items": 4, "media": [
///         {"mime": ["image/*"], "forms": ["base64"], "max_item_bytes": 5000000}
///     ]}}
/// }"#)?;
/// assert!(ours.api("openai.chat").is_some());
/// # Ok::<(), conversation_sdk::provider::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Capabilities {
    revised: String,
    apis: BTreeMap<String, Arc<ApiCapabilities>>,
}

/// What one API takes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiCapabilities {
    note: String,
    max_request_bytes: Option<u64>,
    max_items: Option<usize>,
    media: Vec<MediaRule>,
    parameters: Vec<ParameterRule>,
}

/// Which forms an API takes for some types.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MediaRule {
    /// All models if empty.
    models: Vec<String>,
    mime: Vec<String>,
    forms: Vec<Form>,
    pub(crate) max_item_bytes: Option<u64>,
}

/// A way to put media into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    ProviderFile,
    Url,
    Base64,
    /// As a part of a body of several parts.
    Upload,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ParameterRule {
    models: Vec<String>,
    rename: BTreeMap<String, String>,
    omit: Vec<String>,
}

#[derive(Deserialize)]
struct Wire {
    format_version: u32,
    revised: String,
    apis: BTreeMap<String, Arc<ApiCapabilities>>,
}

impl Capabilities {
    /// The file that is built in.
    pub fn builtin() -> Self {
        // A test reads the file; an API without an entry takes no media.
        static FILE: LazyLock<Capabilities> = LazyLock::new(|| {
            Capabilities::from_json(BUILTIN).unwrap_or_else(|_| Capabilities {
                revised: String::new(),
                apis: BTreeMap::new(),
            })
        });
        FILE.clone()
    }

    /// Capabilities from JSON.
    ///
    /// # Errors
    /// Another form or another version.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        let wire: Wire = serde_json::from_str(json)?;
        check_version(wire.format_version, VERSION)?;
        Ok(Self {
            revised: wire.revised,
            apis: wire.apis,
        })
    }

    /// The date of the file.
    pub fn revised(&self) -> &str {
        &self.revised
    }

    /// What an API takes: `openai.chat`, `openai.responses`, `openai.images`, `openai.files`,
    /// `anthropic.messages`, `anthropic.files`, `gemini.generate_content`, and the same elsewhere:
    /// `azure.chat`, `azure.responses`, `bedrock.anthropic`, `vertex.anthropic`, `vertex.gemini`.
    pub fn api(&self, name: &str) -> Option<Arc<ApiCapabilities>> {
        self.apis.get(name).map(Arc::clone)
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::builtin()
    }
}

impl ApiCapabilities {
    /// Most bytes of one request, media as base64 included; `None` without a limit.
    pub fn max_request_bytes(&self) -> Option<u64> {
        self.max_request_bytes
    }

    /// Most media of one request; `None` without a limit.
    pub fn max_items(&self) -> Option<usize> {
        self.max_items
    }

    /// What one model takes: with the rules that are for it alone, which count for none before.
    #[must_use]
    pub fn for_model(&self, model: &str) -> Self {
        let model = bare(model);
        let mut narrowed = self.clone();
        narrowed.media.retain(|rule| {
            rule.models.is_empty() || rule.models.iter().any(|pattern| fits(pattern, model))
        });
        for rule in &mut narrowed.media {
            rule.models.clear();
        }
        narrowed
    }

    /// What is to be known of these facts: which are estimates.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Whether media of this type can be sent in any form.
    pub fn takes(&self, mime: &Mime) -> bool {
        self.rule(mime).is_some_and(|rule| !rule.forms.is_empty())
    }

    /// The rule for a type; for a type that says nothing, that of its kind.
    pub(crate) fn rule_for(&self, mime: &Mime, kind: MediaType) -> Option<&MediaRule> {
        if *mime != Mime::OCTET_STREAM {
            return self.rule(mime);
        }
        let of_kind = |pattern: &String| {
            let top = pattern.split('/').next();
            matches!(top, Some("*")) || top == Some(kind.as_str())
        };
        let mut rules = self.rules();
        rules.find(|rule| rule.mime.iter().any(of_kind))
    }

    pub(crate) fn rule(&self, mime: &Mime) -> Option<&MediaRule> {
        let mime = mime.as_str();
        let mut rules = self.rules();
        rules.find(|rule| rule.mime.iter().any(|pattern| fits(pattern, mime)))
    }

    fn rules(&self) -> impl Iterator<Item = &MediaRule> {
        self.media.iter().filter(|rule| rule.models.is_empty())
    }

    /// The parameters as a model wants them: some under another name, some not at all.
    pub fn adapt(&self, model: &str, mut parameters: Map<String, Value>) -> Map<String, Value> {
        let model = bare(model);
        let rule = self
            .parameters
            .iter()
            .find(|rule| rule.models.iter().any(|pattern| fits(pattern, model)));
        if let Some(rule) = rule {
            for name in &rule.omit {
                parameters.remove(name);
            }
            for (from, to) in &rule.rename {
                if let Some(value) = parameters.remove(from) {
                    parameters.entry(to.as_str()).or_insert(value);
                }
            }
        }
        parameters
    }
}

/// Gateways put the vendor before the name: `openai/gpt-5`.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

impl MediaRule {
    pub(crate) fn takes_nothing(&self) -> bool {
        self.forms.is_empty()
    }

    pub(crate) fn takes(&self, form: Form) -> bool {
        self.forms.contains(&form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn adapt(model: &str, parameters: Value) -> Value {
        let Value::Object(parameters) = parameters else {
            unreachable!()
        };
        let api = Capabilities::builtin().api("openai.chat").unwrap();
        Value::Object(api.adapt(model, parameters))
    }

    #[test]
    fn the_builtin_file_reads() {
        let file = Capabilities::from_json(BUILTIN).unwrap();
        let chat = file.api("openai.chat").unwrap();
        assert!(chat.takes(&Mime::IMAGE_PNG) && chat.takes(&Mime::APPLICATION_PDF));
        assert!(!chat.takes(&Mime::VIDEO_MP4));
        assert!(chat.rule(&Mime::IMAGE_PNG).unwrap().takes(Form::Url));
        assert!(!chat.rule(&Mime::AUDIO_WAV).unwrap().takes(Form::Url));
        assert!(file.api("nobody.chat").is_none());
    }

    #[test]
    fn each_api_takes_the_forms_that_it_documents() {
        use Form::{Base64, ProviderFile, Upload, Url};
        let file = Capabilities::builtin();
        for (api, mime, forms) in [
            ("openai.chat", Mime::IMAGE_PNG, &[Url, Base64][..]),
            (
                "openai.chat",
                Mime::APPLICATION_PDF,
                &[ProviderFile, Base64],
            ),
            (
                "openai.responses",
                Mime::APPLICATION_PDF,
                &[ProviderFile, Url, Base64],
            ),
            ("openai.files", Mime::VIDEO_MP4, &[Upload]),
            ("openai.images", Mime::IMAGE_PNG, &[Upload]),
            (
                "anthropic.messages",
                Mime::IMAGE_JPEG,
                &[ProviderFile, Url, Base64],
            ),
            ("bedrock.anthropic", Mime::IMAGE_PNG, &[Base64]),
            ("vertex.anthropic", Mime::IMAGE_PNG, &[Base64]),
            (
                "gemini.generate_content",
                Mime::VIDEO_MP4,
                &[ProviderFile, Base64],
            ),
            ("vertex.gemini", Mime::IMAGE_PNG, &[Url, Base64]),
            ("azure.chat", Mime::IMAGE_PNG, &[Url, Base64]),
        ] {
            let found = file.api(api).unwrap().rule(&mime).unwrap().forms.clone();
            assert_eq!(found, forms, "{api} {mime}");
        }
        let responses = file.api("openai.responses").unwrap();
        assert!(!responses.takes(&Mime::AUDIO_WAV));
        assert_eq!(file.api("azure.chat").unwrap().max_items(), Some(50));
    }

    #[test]
    fn what_is_taken_depends_on_the_model() {
        let chat = Capabilities::builtin().api("openai.chat").unwrap();
        for (model, takes) in [
            ("gpt-4o", true),
            ("our-own-model", true),
            ("gpt-3.5-turbo", false),
            ("openai/o3-mini", false),
            ("o3", true),
        ] {
            let found = chat.for_model(model).takes(&Mime::IMAGE_PNG);
            assert_eq!(found, takes, "{model}");
        }
    }

    #[test]
    fn parameters_follow_the_family_of_the_model() {
        let given = json!({"max_tokens": 5, "temperature": 0.7, "seed": 1});
        assert_eq!(adapt("gpt-4o", given.clone()), given);
        assert_eq!(adapt("our-own-model", given.clone()), given);
        assert_eq!(
            adapt("gpt-5.4-mini", given.clone()),
            json!({"max_completion_tokens": 5, "temperature": 0.7, "seed": 1})
        );
        for model in ["gpt-5", "openai/gpt-5-mini", "o3", "o1-mini"] {
            assert_eq!(
                adapt(model, given.clone()),
                json!({"max_completion_tokens": 5, "seed": 1}),
                "{model}"
            );
        }
        assert_eq!(
            adapt("o3", json!({"max_tokens": 5, "max_completion_tokens": 9})),
            json!({"max_completion_tokens": 9})
        );
    }

    #[test]
    fn other_files_are_refused() {
        for bad in [
            "[]",
            r#"{"format_version":9,"revised":"r","apis":{}}"#,
            r#"{"format_version":1,"revised":"r","apis":{"a":{"max_item":1}}}"#,
            r#"{"format_version":1,"revised":"r","apis":{"a":{"media":[{"forms":["fax"]}]}}}"#,
        ] {
            assert!(Capabilities::from_json(bad).is_err(), "{bad}");
        }
    }
}
