//! Servers that tests, proofs and benchmarks of the object stores run against, and a proxy that
//! breaks the way to them. For tests only; never published.
//!
//! | module | what |
//! |---|---|
//! | [`s3`] | S3 in this process: protocol and signatures by `s3s`, strongly consistent, exactly one winner of a conditional put |
//! | [`gcs`] | the part of the XML API of Google Cloud Storage that `object_store` speaks, with its signed URLs |
//! | [`moto`] | S3 by `moto_server`, a second opinion; checks no signatures |
//! | [`azurite`] | Azure Blob Storage by Azurite |
//! | [`proxy`] | stands in front of any of them, breaks requests by a script, counts and records them |
//! | [`tools`] | where the servers from outside are, and how they get there |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use test_servers::proxy::{Fault, FaultProxy, RequestPattern, Script};
//! use test_servers::s3::S3Server;
//!
//! let server = S3Server::start("/tmp/objects").await?;
//! let proxy = FaultProxy::start(server.address()).await?;
//! // object_store: with_endpoint(proxy.endpoint()), with_allow_http(true), with_region(s3::REGION),
//! // with_virtual_hosted_style_request(false), with_access_key_id(server.access_key()), ...
//! proxy.set_script(
//!     Script::pass().first(1, RequestPattern::put("/.store/"), Fault::DropResponse),
//! );
//! # let _ = (server.access_key(), server.secret_key(), server.bucket());
//! assert_eq!(proxy.totals().requests, 0);
//! # Ok(())
//! # }
//! ```
//!
//! Every server listens on 127.0.0.1, on a port of its own unless told one, and ends when its value
//! is dropped. Those of this process live on the runtime that started them.
//!
//! The servers of this process keep their index in memory and bodies above
//! [`MEMORY_LIMIT`] in files of the directory they are given, which are removed with the objects.
//! `s3` and `gcs` are our reading of the services' documents, except for what `s3s` brings: HTTP,
//! XML and signatures of S3. moto and Azurite are other people's.

pub mod azurite;
mod bucket;
mod child;
mod error;
pub mod gcs;
mod http_client;
mod listening;
pub mod moto;
pub mod proxy;
pub mod s3;
pub mod tools;

pub use bucket::MEMORY_LIMIT;
pub use error::ServerError;
