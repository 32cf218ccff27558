//! Checks of a model's answers.

mod banned_words;
mod config;
mod rule;
mod validator;

pub use config::ValidatorConfig;
pub use validator::{Validator, Validators, Violation};
