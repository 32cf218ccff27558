//! How a store is set up.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_storage::{
    Operation, Organization, RetentionPolicy, StorageError, StorageErrorKind, Verification,
};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::blocking::blocking;
use crate::bucket::Bucket;
use crate::connect::connect;
use crate::connection::{ConnectSettings, Connection};
use crate::dedup::Known;
use crate::keys::Keys;
use crate::layout;
use crate::probe::{Conditional, probe, reach};
use crate::send::Sending;
use crate::shared::{Options, Shared, Sharing};
use crate::store::ObjectMediaStore;

/// The smallest part that services take, in bytes.
const MIN_PART: usize = 5 * 1024 * 1024;

/// Sets up an [`ObjectMediaStore`].
///
/// Calls may come in any order. What is asked for is checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct ObjectMediaStoreBuilder {
    settings: ConnectSettings,
    object_store: Option<Arc<dyn ObjectStore>>,
    name: Option<String>,
    options: Options,
}

impl fmt::Debug for ObjectMediaStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectMediaStoreBuilder")
            .field("settings", &self.settings)
            .field("object_store", &self.object_store.is_some())
            .field("name", &self.name)
            .field("options", &self.options)
            .finish()
    }
}

impl ObjectMediaStoreBuilder {
    pub(crate) fn new() -> Self {
        Self {
            settings: ConnectSettings::default(),
            object_store: None,
            name: None,
            options: Options {
                organization: Organization::default(),
                sharing: Sharing::Off,
                default_retention: RetentionPolicy::default(),
                max_media_size: u64::MAX,
                verification: Verification::default(),
                sending: Sending {
                    part_size: 8 * 1024 * 1024,
                    in_flight: 2,
                },
                spool_directory: None,
                grace: Duration::from_secs(24 * 3600),
            },
        }
    }

    /// Where the bucket is: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    /// Default: none; a URL or an [object store](Self::with_object_store) is needed.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.settings.url = Some(url.into());
        self
    }

    /// Sets an option of the service by its name, such as `endpoint`, `region`,
    /// `access_key_id`. One that is not known is an error of [`build`](Self::build). Default:
    /// none.
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.options.push((key.into(), value.into()));
        self
    }

    /// Takes what no option says from the environment, as the service's own tools do. Default:
    /// the environment is not looked at.
    pub fn with_env(mut self) -> Self {
        self.settings.environment = true;
        self
    }

    /// Uses this object store. A [URL](Self::with_url) beside it is refused. Keys begin at its
    /// root; wrap it in [`PrefixStore`](object_store::prefix::PrefixStore) for a prefix. It is
    /// `object` in references, and signs no URLs. Default: none.
    pub fn with_object_store(mut self, store: Arc<dyn ObjectStore>) -> Self {
        self.object_store = Some(store);
        self
    }

    /// The endpoint that signed URLs name, where clients reach the service under another one than
    /// this process. Default: the endpoint that the store uses.
    pub fn with_public_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.public_endpoint = Some(url.into());
        self
    }

    /// How keys are laid out. Default: [`Organization::BySession`].
    pub fn with_organization(mut self, organization: Organization) -> Self {
        self.options.organization = organization;
        self
    }

    /// Whether equal bytes are kept once, across all nodes. Where the service cannot carry it,
    /// which [`build`](Self::build) finds out, each reference keeps its own; that is traced and
    /// counted as `copies` in usage. Default: false.
    pub fn with_deduplication(mut self, deduplication: bool) -> Self {
        self.options.sharing = if deduplication {
            Sharing::On
        } else {
            Sharing::Off
        };
        self
    }

    /// Retention of media that is stored without one. Default: [`RetentionPolicy::Retain`].
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.options.default_retention = retention;
        self
    }

    /// Refuses media of more than so many bytes. Default: no limit.
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.options.max_media_size = bytes;
        self
    }

    /// How much reads check. Default: [`Verification::Always`].
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.options.verification = verification;
        self
    }

    /// A name that references carry, to tell several stores apart: 1 to 64 letters, digits, `.`,
    /// `_` and `-`. Default: none.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Bodies of more than so many bytes are sent in parts of this size; at least 5 MiB. A stream
    /// that does not tell its length, and is not to be shared, can have 10,000 of them; else parts
    /// are made larger as needed. Default: 8 MiB.
    pub fn with_part_size(mut self, bytes: usize) -> Self {
        self.options.sending.part_size = bytes;
        self
    }

    /// How many parts of one upload may be in memory at once; at least 1. Default: 2.
    pub fn with_parts_in_flight(mut self, parts: usize) -> Self {
        self.options.sending.in_flight = parts;
        self
    }

    /// Where streams above the part size are spooled when their bytes may be shared. Default: the
    /// operating system's directory for temporary files.
    pub fn with_spool_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.spool_directory = Some(directory.into());
        self
    }

    /// How old leftovers of uploads must be before a sweep removes them. Shared bytes are safe
    /// with any value; without deduplication, no store may take longer than this between its
    /// first request and its last. Default: 24 hours.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Reaches the bucket and finds out what the service can do, in a handful of requests. Cost
    /// does not depend on what is stored.
    ///
    /// # Errors
    /// `Config`: no bucket, a wrong URL, option, name or size. `Permission`, `Unavailable`.
    pub async fn build(self) -> Result<ObjectMediaStore, StorageError> {
        // Reads files: certificates, and credentials where options name them.
        let builder = self.clone();
        let connection = blocking(move || builder.connection()).await?;
        let backend = connection.backend.clone();
        self.open(connection).await.map_err(|error| {
            if error.backend().is_empty() {
                error.with_operation(Operation::Open).with_backend(backend)
            } else {
                error
            }
        })
    }

    fn connection(&self) -> Result<Connection, StorageError> {
        let Some(store) = &self.object_store else {
            return connect(&self.settings);
        };
        let ConnectSettings {
            url,
            options,
            public_endpoint,
            ..
        } = &self.settings;
        if url.is_some() || !options.is_empty() || public_endpoint.is_some() {
            return Err(refuse(
                "an object store was given beside a URL, an option or an endpoint",
            ));
        }
        Ok(Connection {
            store: Arc::clone(store),
            signer: None,
            backend: Cow::Borrowed("object"),
            prefix: Path::ROOT,
        })
    }

    async fn open(mut self, connection: Connection) -> Result<ObjectMediaStore, StorageError> {
        self.check(&connection.backend)?;
        let bucket = Bucket::new(connection.store, connection.backend);
        let keys = Keys::new(connection.prefix);
        if self.options.sharing == Sharing::On {
            if let Conditional::Missing(reason) = probe(&bucket, &keys).await? {
                tracing::warn!(
                    backend = bucket.backend(),
                    reason,
                    "the service cannot carry deduplication: each reference keeps its own bytes"
                );
                self.options.sharing = Sharing::Impossible;
            }
        } else {
            reach(&bucket, &keys).await?;
        }
        layout::note(&bucket, &keys, self.options.organization).await?;
        Ok(ObjectMediaStore::new(Shared {
            bucket,
            keys,
            signer: connection.signer,
            name: self.name,
            options: self.options,
            known: Known::default(),
        }))
    }

    fn check(&self, backend: &str) -> Result<(), StorageError> {
        let Sending {
            part_size,
            in_flight,
        } = self.options.sending;
        if part_size < MIN_PART {
            return Err(refuse("parts must have at least 5 MiB"));
        }
        if in_flight == 0 {
            return Err(refuse("at least one part must be in flight"));
        }
        // The reference's own rules decide what a name may be.
        let mut probe = media_types::StorageReference::builder(backend, "probe");
        if let Some(name) = &self.name {
            probe = probe.with_store_name(name);
        }
        match probe.build() {
            Ok(_) => Ok(()),
            Err(error) => Err(refuse("the name of the store is not usable").with_source(error)),
        }
    }
}

fn refuse(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Config, Operation::Open).with_reason(reason)
}
