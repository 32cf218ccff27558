//! Type, dimensions, orientation and frames of an image, from its first bytes.

mod bmp;
mod exif;
mod gif;
mod heif;
mod info;
mod jpeg;
mod png;
mod reader;
mod start;
mod tiff;
mod webp;

pub(crate) use gif::color_table_len;
pub use info::{Frames, ImageInfo};
pub(crate) use reader::Reader;
pub use start::{PROBE_LEN, probe};
pub(crate) use webp::is_lossless_webp;
