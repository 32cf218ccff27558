//! The limits that a prompt sets for media.

mod config;
mod limits;
mod properties;
mod violation;

pub use config::MediaConfig;
pub use limits::MediaLimits;
pub use properties::MediaProperties;
pub use violation::{MediaViolation, MediaViolationKind};
