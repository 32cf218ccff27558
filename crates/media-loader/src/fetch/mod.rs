//! Fetching URLs. No other module does.

mod address;
mod answer;
mod client;
mod failure;
mod fetcher;
mod filter;
mod host;
mod network;
mod policy;
mod resolver;

pub use address::is_public;
pub(crate) use failure::body_error;
pub(crate) use fetcher::Fetcher;
pub use network::{IpNetwork, IpNetworkError};
pub use policy::UrlPolicy;
pub use resolver::{HostResolver, SystemResolver};
