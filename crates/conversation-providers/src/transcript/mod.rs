//! The conversation in the order that an API wants, its media by index.
//!
//! - `opaque`: items and data that go back verbatim, loaded where they are in a store
//! - `rounds`: which messages and calls go out; each call directly followed by its result
//! - `texts`: text files, as text · `spoken`: audio that goes back by its id
//! - `steps`: what there is room for of things that pile up
//! - `outline`: what a request amounts to · `server_calls`: opaque calls without their results
//! - `rules`: how an API wants the conversation · `call_ids`: ids that it takes
//! - `marker`: the place of a call among other parts
//! - `wire`: messages as they go out · `builder`: where text, media and opaque items stand
//!
//! What an interrupted message sends: its text, media, and items that their API has closed; tool
//! calls whose arguments are an object. A call without a result gets a synthetic one; one that the
//! provider runs, and that only it could answer, is not sent. Nor are parts and messages that this
//! version does not know, and empty text.

mod builder;
mod call_ids;
mod marker;
mod opaque;
mod outline;
mod rounds;
mod rules;
mod server_calls;
mod spoken;
mod steps;
mod texts;
mod wire;

pub(crate) use builder::build_transcript;
pub use call_ids::CallIds;
#[cfg(feature = "openai")]
pub(crate) use marker::CHAIN_KIND;
#[cfg(feature = "http-client")]
pub(crate) use marker::call_marker;
pub(crate) use opaque::LoadedOpaque;
pub(crate) use outline::outline;
pub(crate) use rules::TranscriptRules;
pub(crate) use spoken::SpokenAudio;
pub use wire::{Transcript, WireCall, WireMessage, WirePart};
