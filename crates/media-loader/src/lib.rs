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
//! they tell ([`MimePolicy`]).
//!
//! # URLs
//! With the feature `http` (on by default), media at `https` URLs of public hosts is fetched;
//! `UrlPolicy` allows more or less. Every address that a name resolves to is checked, what was
//! checked is what is connected to, and each redirect is checked again.
//!
//! A loader needs a tokio runtime. It is cheap to clone and safe for any number of tasks.
//!
//! # Map
//! - [`MediaLoader`] (`loader`), [`MediaLoaderBuilder`] (`builder`), [`LoadOptions`] (`options`)
//! - [`LoadedMedia`] (`media`), [`MediaFacts`] (`facts`), [`Base64Text`] (`text`)
//! - [`FileAccess`] (`file`), [`MimePolicy`] (`mime`)
//! - [`LoadError`], [`LoadErrorKind`] (`error`)
//! - with the feature `http` (`fetch`): `UrlPolicy` (`policy`), `IpNetwork` (`network`), `is_public`
//!   (`address`), `HostResolver` (`resolver`); inside: names (`host`), the client (`client`),
//!   redirects (`fetcher`), heads and bodies (`answer`), what failed (`failure`)
//! - inside: media at URLs (`url`), choosing a store (`registry`), reading from it (`stored`),
//!   peeking and limiting (`body`), the cache (`cache`)

mod body;
mod builder;
mod cache;
mod error;
mod facts;
#[cfg(feature = "http")]
mod fetch;
mod file;
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
pub use facts::MediaFacts;
#[cfg(feature = "http")]
pub use fetch::{HostResolver, IpNetwork, IpNetworkError, SystemResolver, UrlPolicy, is_public};
pub use file::FileAccess;
pub use loader::MediaLoader;
pub use media::LoadedMedia;
pub use mime::MimePolicy;
pub use options::LoadOptions;
pub use text::Base64Text;
