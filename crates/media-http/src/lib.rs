//! Serves stored media over HTTP by signed links, and takes uploads.
//!
//! A [`LinkSigner`] makes links to media of any store; a [`MediaService`] answers them. It is a
//! [`tower_service::Service`], so axum, hyper and everything else that speaks tower can mount it:
//!
//! ```
//! use media_http::{LinkKeys, LinkSigner, MediaService};
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt, Scope, SignedUrlOptions};
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStorage::new();
//! let keys = LinkKeys::new("a secret of at least thirty-two bytes")?;
//! let app: axum::Router = axum::Router::new()
//!     .nest_service("/media", MediaService::new(store.clone(), keys.clone()));
//!
//! let user = "user-1".parse()?;
//! let metadata = MediaMetadata::new().with_user("user-1".parse()?);
//! let photo = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await?;
//! let signer = LinkSigner::new(store, keys, "https://chat.example/media")?;
//! let options = SignedUrlOptions::new().with_expected_scope(Scope::User(user));
//! let link = signer.sign(&photo, options).await?;
//! assert!(link.url().as_str().starts_with("https://chat.example/media/"));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! A link is a permission to read one media item until the link expires. Whoever has it can read, so it is
//! a secret for as long; it is not stored anywhere, and signing costs no write. The scope is part of the
//! link: media that has left the scope is not served. Forged, expired and foreign links, and links to
//! media that does not exist, all get the same answer: 404.
//!
//! [`LinkedStorage`] gives a store without a [`UrlSigner`](media_storage::UrlSigner) of its own, such as
//! one on a disk, the links of this crate as its signed URLs.
//!
//! With the feature `upload` (on by default), an [`UploadService`] stores what clients send: raw bodies
//! and multipart forms, streamed, bounded, and typed by their bytes. With the feature `resumable`, a
//! `ResumableUploadService` takes uploads in parts, which go on after a connection broke.

mod clock;
mod error;
mod link;
#[cfg(feature = "resumable")]
mod resumable;
mod serve;
mod service;
#[cfg(feature = "upload")]
mod upload;

pub use error::{LinkError, LinkErrorKind};
pub use link::{Disposition, LinkKeys, LinkSigner, LinkedStorage};
#[cfg(feature = "resumable")]
pub use resumable::{
    ResumableError, ResumableErrorKind, ResumableUploadService, SpoolOptions, UploadSpool,
};
pub use serve::MediaService;
pub use service::ResponseBody;
#[cfg(feature = "upload")]
pub use upload::{
    SharedUploadTarget, UploadGrant, UploadPolicy, UploadRefusal, UploadService, UploadTarget,
    UploadedMedia, safe_filename, sign_links,
};
