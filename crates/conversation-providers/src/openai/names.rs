//! Names of the API.

/// The name of the provider, and of the family of its opaque items.
pub(super) const NAME: &str = "openai";
/// The default base URL.
#[cfg(feature = "openai")]
pub(super) const BASE_URL: &str = "https://api.openai.com/v1";
