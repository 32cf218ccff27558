//! Names of the API.

/// The name of the provider, and of the family of its opaque items.
pub(super) const NAME: &str = "anthropic";
