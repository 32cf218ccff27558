//! Loads the bytes of media content from inline data, stores, files and URLs, safely.
//!
//! ```
//! use std::sync::Arc;
//! use media_loader::MediaLoader;
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
//! use media_types::{MediaContent, Mime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStorage::new();
//! let photo = MediaContent::from_base64(Mime::IMAGE_PNG, "iVBORw0KGgo=")?;
//! let reference = store.store_media(&photo, MediaMetadata::new()).await?;
//!
//! let loader = MediaLoader::builder().with_storage(Arc::new(store)).build();
//! let stored = MediaContent::from_reference(Mime::IMAGE_PNG, reference);
//! assert_eq!(loader.data_uri(&stored).await?, "data:image/png;base64,iVBORw0KGgo=");
//!
//! // The same text in pieces of known total length, for request bodies.
//! let text = loader.base64_stream(&stored).await?;
//! assert_eq!(text.len(), 12);
//! # Ok(())
//! # }
//! ```
//!
//! A loader reads the bytes from the source that the content names, and from no other: a broken
//! reference is an error even if the content had a URL before. Content is not trusted: files are
//! refused unless they are allowed ([`FileAccess`]), every read has a limit, stored media is verified,
//! and the type follows from the bytes where they show it ([`MimePolicy`]).
//!
//! # URLs
//! With the feature `http`, which is enabled by default, media at `https` URLs of public hosts is
//! fetched. `UrlPolicy` allows more or less. Every address that a host name resolves to is checked, the
//! connection goes to a checked address, and each redirect is checked again.
//!
//! A loader requires a tokio runtime. It is cheap to clone, and may be used by any number of tasks.

mod body;
mod builder;
mod cache;
mod error;
mod failure;
#[cfg(feature = "http")]
mod fetch;
mod file;
mod handle;
mod info;
mod loader;
mod media;
mod mime;
mod options;
mod registry;
mod stored;
mod text;
mod url;

pub use builder::MediaLoaderBuilder;
pub use error::{LoadError, LoadErrorKind};
#[cfg(feature = "http")]
pub use fetch::{HostResolver, IpNetwork, IpNetworkError, SystemResolver, UrlPolicy, is_public};
pub use file::FileAccess;
pub use handle::MediaLoader;
pub use info::MediaInfo;
pub use media::LoadedMedia;
pub use mime::MimePolicy;
pub use options::LoadOptions;
pub use text::Base64Text;
