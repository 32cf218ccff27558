//! What a request may hold, and what was sent before it: the arithmetic of the request planner,
//! without any I/O.
//!
//! - `outline`: words and media of a request in order · `limits`: the caps of a request
//! - `window`: the oldest item that is sent · `mark`: what was sent at a position
//! - `facts`: what a server said about itself · `state`: what is kept between requests
//! - `store`: where it is kept

#[cfg_attr(
    not(feature = "http-client"),
    allow(dead_code, reason = "noted by providers only")
)]
mod facts;
mod limits;
mod mark;
mod outline;
#[cfg_attr(
    not(feature = "http-client"),
    allow(dead_code, reason = "noted by providers only")
)]
mod state;
mod store;
mod window;

pub(crate) use facts::ServerFacts;
#[cfg(feature = "http-client")]
pub(crate) use limits::lower;
pub(crate) use limits::{Limits, ManyImages};
pub(crate) use mark::{Mark, SentForm};
pub use outline::RequestOutline;
pub(crate) use state::Fingerprint;
pub use state::PlannerState;
pub use store::{MemoryPlannerStore, PlannerKey, PlannerStore};
pub(crate) use window::{ItemWeight, StepWeight, Window};
