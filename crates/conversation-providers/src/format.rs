//! The APIs whose requests and answers are understood.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::codec::FormatSpec;

/// The JSON of an API.
///
/// The folder of an API has its constant, such as [`ApiFormat::ANTHROPIC_MESSAGES`]; one of your own comes
/// from a [`FormatSpec`](crate::api::FormatSpec). Formats are equal if the names of their entries of the
/// capability file are.
#[derive(Clone, Copy)]
pub struct ApiFormat(&'static FormatSpec);

impl ApiFormat {
    /// Creates the format of an API from what it consists of.
    pub const fn new(spec: &'static FormatSpec) -> Self {
        Self(spec)
    }

    /// Returns the family of the API: the provider whose files
    /// ([`ProviderFile`](media_types::ProviderFile)) and opaque items go into its requests.
    pub fn family(self) -> &'static str {
        self.0.rules.family
    }

    /// Returns the name of the entry of [`Capabilities`](crate::Capabilities) that says what the
    /// API accepts.
    pub fn capability_name(self) -> &'static str {
        self.0.capability_name
    }

    pub(crate) fn spec(self) -> &'static FormatSpec {
        self.0
    }
}

impl PartialEq for ApiFormat {
    fn eq(&self, other: &Self) -> bool {
        self.capability_name() == other.capability_name()
    }
}

impl Eq for ApiFormat {}

impl Hash for ApiFormat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.capability_name().hash(state);
    }
}

impl fmt::Debug for ApiFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiFormat")
            .field(&self.capability_name())
            .finish()
    }
}
