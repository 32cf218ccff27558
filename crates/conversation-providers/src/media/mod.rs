//! The media of a request: the form in which each item goes to the provider, and how its bytes get
//! there.
//!
//! A [`RequestPlanner`] decides for each item how it goes: by the file id that the provider gave,
//! as a URL that the provider fetches, as base64, or not at all, with a short text in its place.
//! Bytes are read while the request body is being sent and kept by nobody. Media that is missing,
//! expired, too large or of an unsupported type is omitted and never an error.

mod candidate;
mod context;
mod encoded;
mod encoding;
mod fitting;
mod form;
mod host;
mod identity;
mod lookup;
mod plan;
mod planner;
mod request_plan;
mod send_error;

pub use context::{MediaContext, MediaUploads, SignedUrls};
pub(crate) use encoding::Encoding;
pub use fitting::{ImageFitter, ImageNeeds};
pub use form::MediaForm;
#[cfg(feature = "http-client")]
pub(crate) use identity::media_identity;
pub(crate) use identity::{hash_inline, inline_hash};
pub use plan::MediaPlan;
pub use planner::RequestPlanner;
#[cfg(feature = "http-client")]
pub(crate) use planner::{fingerprint, refused_by, unix_now};
pub use request_plan::RequestPlan;
pub use send_error::{MediaSendError, MediaSendErrorKind};
