//! The configurations: what is proven, what must be caught, and what is drawn by lot.

mod drawn;
mod expected;
mod first;
mod imports;
mod mixed;
mod second;
mod updates;
mod weakened;

pub(crate) use drawn::drawn;
pub(crate) use expected::expected;
pub(crate) use first::first;
pub(crate) use imports::imports;
pub(crate) use mixed::mixed;
pub(crate) use second::second;
pub(crate) use updates::updates;
pub(crate) use weakened::{broken, control};
