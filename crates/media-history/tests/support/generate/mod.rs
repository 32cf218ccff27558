//! Histories that know their media: every dialect, every way to write it.

mod dialects;
mod history;
mod json;
mod random;

#[allow(
    unused_imports,
    reason = "not every user has bytes that are written as numbers"
)]
pub use history::generate_with_numbers;
pub use history::{Generated, generate};
#[allow(unused_imports, reason = "not every user makes its own numbers")]
pub use random::Random;
