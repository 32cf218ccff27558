//! One safe way to the bytes of media content, wherever they are.
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
//! // The same text in pieces, its length known before the first: for request bodies.
//! let text = loader.base64_stream(&stored).await?;
//! assert_eq!(text.len(), 12);
//! # Ok(())
//! # }
//! ```
//!
//! A loader takes the bytes from where the content says they are and from nowhere else: a
//! reference that is broken is an error, also where the content had a URL before. Nothing that a
//! content says is trusted: files are refused unless allowed ([`FileAccess`]), every read is
//! bounded while it goes on, stored media is verified, and the type comes from the bytes where
//! they tell ([`MimePolicy`]). URLs are not fetched by this version.
//!
//! A loader needs a tokio runtime. It is cheap to clone and safe for any number of tasks.
//!
//! # Map
//! - [`MediaLoader`] (`loader`), [`MediaLoaderBuilder`] (`builder`), [`LoadOptions`] (`options`)
//! - [`LoadedMedia`] (`media`), [`MediaFacts`] (`facts`), [`Base64Text`] (`text`)
//! - [`FileAccess`] (`file`), [`MimePolicy`] (`mime`)
//! - [`LoadError`], [`LoadErrorKind`] (`error`)
//! - inside: choosing a store (`registry`), reading from it (`stored`), peeking and limiting
//!   (`body`), the cache (`cache`)

mod body;
mod builder;
mod cache;
mod error;
mod facts;
mod file;
mod loader;
mod media;
mod mime;
mod options;
mod registry;
mod stored;
mod text;

pub use builder::MediaLoaderBuilder;
pub use error::{LoadError, LoadErrorKind};
pub use facts::MediaFacts;
pub use file::FileAccess;
pub use loader::MediaLoader;
pub use media::LoadedMedia;
pub use mime::MimePolicy;
pub use options::LoadOptions;
pub use text::Base64Text;
