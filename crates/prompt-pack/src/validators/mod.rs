//! Checks of a model's answers.

mod banned_words;
mod config;
mod rule;
mod violation;

pub use config::ValidatorConfig;
pub(crate) use rule::Rule;
pub use violation::Violation;
