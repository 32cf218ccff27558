//! Images that fit a profile.

mod decode;
mod encode;
mod fit;
mod resize;

pub use fit::{FitOutcome, FittedImage, fit};
