//! Images that fit what models take and pages show, as renditions of stored images.

mod fitter;
mod known;

pub use fitter::RenditionFitter;
