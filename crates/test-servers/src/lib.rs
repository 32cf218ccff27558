//! Servers for tests, proofs and benchmarks: object stores, APIs of language models, and a proxy that
//! injects faults. For tests only; never published.
//!
//! | module | content |
//! |---|---|
//! | [`s3`] | an in-process S3 server: protocol and signatures by `s3s`, strongly consistent, with exactly one winner of a conditional put |
//! | [`gcs`] | an in-process server of the part of the XML API of Google Cloud Storage that `object_store` uses, with signed URLs |
//! | [`moto`] | S3 by moto, which checks no signatures |
//! | [`azurite`] | Azure Blob Storage by Azurite |
//! | [`llm`] | APIs of language models that enforce their rules for what goes back to them |
//! | [`proxy`] | a proxy in front of any of them, which injects faults by a script, and counts and records requests |
//! | [`tools`] | finding and installing third-party servers |
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
//! Every server listens on 127.0.0.1, on any free port by default, and stops when its value is
//! dropped. In-process servers run on the runtime that started them.
//!
//! In-process servers keep their index in memory, and bodies above [`MEMORY_LIMIT`] in files of a
//! directory, which are removed with the objects. `s3` and `gcs` were written from the services'
//! documentation, except for the HTTP, XML and signatures of S3, which are those of `s3s`.

pub mod azurite;
mod bucket;
mod child;
mod error;
pub mod gcs;
mod http_client;
mod listening;
pub mod llm;
pub mod moto;
pub mod proxy;
pub mod s3;
pub mod tools;

pub use bucket::MEMORY_LIMIT;
pub use error::ServerError;
