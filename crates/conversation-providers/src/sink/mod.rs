//! Where media goes that a model or a tool makes, without being held in memory.
//!
//! Media that is generated arrives piece by piece. A [`MediaSink`] gives a [`MediaWriter`] for each
//! item, which keeps the pieces in a spool: in memory as long as they are few, then in a temporary
//! file that has no name and is gone with its last reader. The result is a
//! [`MediaContent`](media_types::MediaContent) that is light enough to be handed around.
//!
//! Nothing is stored yet at that point. Media goes into the store with its message, in one batch:
//! then message and position are known, an attempt that breaks has left nothing to delete, and the
//! spool still has the bytes when the store fails. Until then the content refers to the spool, which
//! the [`SpoolRegistry`] gives out like a store.
//!
//! ```
//! use conversation_providers::sink::{MediaSink, SinkError};
//! use media_types::{MediaContent, Mime};
//!
//! async fn paint(sink: &MediaSink) -> Result<MediaContent, SinkError> {
//!     let mut image = sink.begin();
//!     for piece in [&b"\x89PNG\r\n\x1a\n"[..], b"..."] {
//!         image.write(piece).await?;
//!     }
//!     image.finish(&Mime::IMAGE_PNG).await
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), SinkError> {
//! let content = paint(&MediaSink::in_memory()).await?;
//! assert_eq!(content.size(), Some(11));
//! # Ok(())
//! # }
//! ```

mod byte_budget;
mod error;
mod media_sink;
mod received;
mod registry;
mod session;
mod spool;
mod spool_writer;
mod writer;

pub use error::{SinkError, SinkErrorKind};
pub use media_sink::MediaSink;
pub use received::ReceivedMedia;
pub use registry::{SpoolRegistry, is_received};
pub use session::SpoolOptions;
pub use spool::Spool;
pub use writer::MediaWriter;
