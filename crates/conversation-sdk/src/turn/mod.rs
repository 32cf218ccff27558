//! Turns: a message of the user and everything that answers it.

mod admit;
mod attach;
mod background;
mod begin;
mod cancel;
mod context;
mod end;
mod fingerprint;
mod finish;
mod job;
mod lease;
mod model;
mod opening;
mod parent;
mod permit;
mod planner;
mod progress;
mod provider_events;
mod received;
mod replay;
mod resume;
mod retry;
mod rounds;
mod running;
mod save;
mod spans;
mod start;
mod steps;
mod stop;
mod tool_round;
#[allow(
    clippy::module_inception,
    reason = "the type is what the module is about"
)]
mod turn;
mod user_message;

pub(crate) use admit::{load, load_idle};
pub(crate) use attach::events as attached_events;
pub(crate) use cancel::cancel;
pub(crate) use job::{Cut, TurnJob};
pub(crate) use running::RunningTurns;
pub(crate) use start::start;
pub(crate) use stop::StopReason;
pub(crate) use user_message::before_save;

pub use job::RetryFrom;
