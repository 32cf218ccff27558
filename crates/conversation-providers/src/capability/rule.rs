//! Rules of the capability file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The forms that an API accepts for some types.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MediaRule {
    /// Patterns of models; all models if empty.
    pub(super) models: Vec<String>,
    /// Patterns of MIME types.
    pub(super) mime: Vec<String>,
    forms: Vec<AcceptedForm>,
    pub(crate) max_item_bytes: Option<u64>,
    /// Longest side of an image in pixels.
    pub(crate) max_side: Option<u32>,
}

impl MediaRule {
    pub(crate) fn accepts_nothing(&self) -> bool {
        self.forms.is_empty()
    }

    pub(crate) fn accepts(&self, form: AcceptedForm) -> bool {
        self.forms.contains(&form)
    }

    #[cfg(test)]
    pub(super) fn forms(&self) -> &[AcceptedForm] {
        &self.forms
    }
}

/// A way to put a media item into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AcceptedForm {
    ProviderFile,
    Url,
    Base64,
    /// A part of a multipart body.
    Upload,
}

/// How models want their parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ParameterRule {
    pub(super) models: Vec<String>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) omit: Vec<String>,
}

/// The caps of requests for some models.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitRule {
    pub(super) models: Vec<String>,
    pub(super) max_request_bytes: Option<u64>,
    pub(super) max_items: Option<usize>,
    pub(super) max_images: Option<usize>,
}
