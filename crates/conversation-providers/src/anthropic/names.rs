//! Names of the API.

/// The name of the provider, and of the family of its opaque items.
pub(super) const NAME: &str = "anthropic";
/// The base URL unless told otherwise.
pub(super) const BASE_URL: &str = "https://api.anthropic.com/v1";
/// The version of the API.
pub(super) const VERSION: &str = "2023-06-01";
