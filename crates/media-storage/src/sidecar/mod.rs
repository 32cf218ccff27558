//! The sidecar of media: what was stored, for whom and for how long.

mod parse;
mod record;
#[cfg(test)]
mod tests;

pub use parse::{ParsedSidecar, SalvagedSidecar};
pub use record::{MAX_SIDECAR_LEN, MAX_SIDECAR_VERSION, SIDECAR_VERSION, Sidecar};
