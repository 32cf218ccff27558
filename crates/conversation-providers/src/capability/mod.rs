//! What the APIs of providers accept, as data.

mod api;
mod file;
mod rule;

pub use api::ApiCapabilities;
pub use file::Capabilities;
pub(crate) use rule::AcceptedForm;
