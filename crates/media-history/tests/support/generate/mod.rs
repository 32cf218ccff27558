//! Histories that know their media: every dialect, every way to write it.

mod dialects;
mod history;
mod json;
mod random;

pub use history::{Generated, generate};
#[allow(unused_imports, reason = "not every user makes its own numbers")]
pub use random::Random;
