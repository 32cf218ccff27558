//! Failures of providers.

mod kind;
mod provider_error;

pub use kind::{ProviderErrorKind, TimeoutPhase};
pub use provider_error::ProviderError;
