//! Probes images, and makes them fit: what a model takes, what a page shows.
//!
//! ```
//! use media_image::{ImageWorkers, Profile, probe};
//! # use bytes::Bytes;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), media_image::ImageError> {
//! # let photo = {
//! #     let mut png = std::io::Cursor::new(Vec::new());
//! #     let image = image::RgbImage::from_fn(640, 480, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
//! #     image.write_to(&mut png, image::ImageFormat::Png).expect("pixels");
//! #     Bytes::from(png.into_inner())
//! # };
//! let info = probe(&photo)?;
//! assert_eq!((info.width, info.height), (640, 480));
//!
//! let workers = ImageWorkers::default();
//! let thumbnail = workers.fit(photo, Profile::thumbnail(320)).await?;
//! assert_eq!((thumbnail.width, thumbnail.height), (320, 240));
//! # Ok(())
//! # }
//! ```
//!
//! | format | probe | decode | written |
//! |---|---|---|---|
//! | PNG | yes, animated too | yes | yes |
//! | JPEG | yes | yes | yes |
//! | GIF | yes | first frame | no |
//! | WebP | yes, animated too | first frame | without loss |
//! | HEIC, AVIF, BMP, TIFF | yes | no | no |
//!
//! Everything is Rust; no library in C is linked. HEIC is only probed: the decoders that exist in Rust are
//! young, or of a license that does not fit.

mod error;
mod format;
mod limits;
mod optimize;
mod orientation;
mod probe;
mod profile;
mod render;
mod renditions;
mod screen;
mod strip;
mod workers;

pub use error::{ImageError, ImageErrorKind, ImageOperation};
pub use format::ImageFormat;
pub use limits::ImageLimits;
pub use optimize::Optimized;
pub use orientation::Orientation;
pub use probe::{Frames, ImageInfo, PROBE_LEN, probe};
pub use profile::{Animation, Profile};
pub use render::{FitOutcome, FittedImage, fit};
pub use renditions::{
    MAX_RENDITIONS, PARENT_TAG, RENDITION_TAG, RenditionError, Renditions, parent_of,
};
pub use screen::screen_pixels;
pub use strip::strip_metadata;
pub use workers::ImageWorkers;
