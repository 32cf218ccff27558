//! What the services of this crate have in common.

mod body;
mod handler;
#[cfg(feature = "upload")]
mod headers;
mod incoming;
#[cfg(feature = "upload")]
mod lingering;
mod response;

#[cfg(feature = "upload")]
pub(crate) use body::BoxError;
#[cfg(feature = "upload")]
pub(crate) use handler::streamed;
pub(crate) use handler::{Handler, Responding, answer, impl_service, unread};
#[cfg(feature = "upload")]
pub(crate) use headers::{number, single};
pub(crate) use incoming::Incoming;
#[cfg(feature = "upload")]
pub(crate) use incoming::unreadable;
#[cfg(feature = "resumable")]
pub(crate) use response::empty;
#[cfg(feature = "upload")]
pub(crate) use response::{describe, json};
pub(crate) use response::{methods, plain, retry_after};

pub use body::ResponseBody;
