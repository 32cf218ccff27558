//! Names of the API.

/// The name of the provider.
pub(super) const NAME: &str = "openai";
/// The base URL unless told otherwise.
pub(super) const BASE_URL: &str = "https://api.openai.com/v1";
