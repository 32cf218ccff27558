//! What a request consists of beside its messages.

use serde_json::{Map, Value};

use crate::capability::ApiCapabilities;
use crate::request::ProviderRequest;

/// What a request consists of beside its messages.
#[derive(Debug)]
pub struct CodecOptions<'a> {
    pub(crate) model: &'a str,
    pub(crate) capabilities: &'a ApiCapabilities,
    /// Whether a stream is asked to report its usage, where that has to be asked for.
    pub(crate) stream_usage: bool,
    /// Parameters that the server has refused.
    pub(crate) refused: &'a [String],
    /// Whether signatures are left out: the server took them for those of another conversation.
    pub(crate) unsigned: bool,
}

impl<'a> CodecOptions<'a> {
    /// Returns the model that is asked.
    pub fn model(&self) -> &'a str {
        self.model
    }

    /// Returns whether signatures are left out: the server took them for those of another conversation.
    pub fn leaves_out_signatures(&self) -> bool {
        self.unsigned
    }

    /// Returns the parameters of a request but for those that are the request itself, as the model wants
    /// them, and without those that it has refused.
    pub fn parameters(
        &self,
        request: &ProviderRequest<'_>,
        reserved: &[&str],
    ) -> Map<String, Value> {
        let mut given = request.parameters.clone();
        given.retain(|name, value| !reserved.contains(&name.as_str()) && !value.is_null());
        let mut adapted = self.capabilities.adapt_parameters(self.model, given);
        adapted.retain(|name, _| !self.refuses(name));
        adapted
    }

    /// Returns whether the server has refused a parameter.
    pub fn refuses(&self, name: &str) -> bool {
        self.refused.iter().any(|refused| refused == name)
    }
}
