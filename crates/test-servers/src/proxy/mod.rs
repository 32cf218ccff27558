//! An HTTP/1.1 proxy that injects faults, in front of any server.
//!
//! A script chooses a [`Fault`] for each request. Bodies are streamed in both directions with
//! backpressure, whatever their size and encoding (`aws-chunked` is forwarded as it is), and
//! connections are kept alive. Headers, including `host`, are forwarded unchanged, so that signatures
//! remain valid. Every request is counted and, up to [`RECORDED`], recorded with the number of bytes
//! of its bodies.
//!
//! Faults of responses ([`Fault::DropResponse`], [`Fault::AnswerAfterForward`],
//! [`Fault::HoldResponse`]) let the server carry out the request first, without the client knowing.

mod body;
mod fault;
mod forward;
mod record;
mod script;
mod server;
mod socket;

pub use fault::{Answer, Fault, Gate};
pub use record::{Exchange, RECORDED, RequestHead, Totals};
pub use script::{RequestPattern, Script};
pub use server::FaultProxy;
