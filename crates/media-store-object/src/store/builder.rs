//! The builder of a store.

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
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use super::existing::Existing;
use super::handle::ObjectMediaStore;
use super::opening::{OpenedProtocol, ProtocolOptions, keeps_versions, open_protocol, prepare};
use super::probe::reach;
use super::protocol::ProtocolVersion;
use crate::body::blocking;
use crate::bucket::{Bucket, Keys, NameKey, PartOptions};
use crate::connect::{ConnectSettings, Connection, connect};
use crate::lease_watch::LeaseWatch;
use crate::second::Generations;
use crate::shared::{Options, Shared, Sharing};
use crate::sharing::ConfirmedBlobs;

/// Minimum size of a part that services accept, in bytes.
const MIN_PART: usize = 5 * 1024 * 1024;

/// Builder of an [`ObjectMediaStore`].
///
/// The order of calls does not matter. All settings are checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct ObjectMediaStoreBuilder {
    settings: ConnectSettings,
    object_store: Option<Arc<dyn ObjectStore>>,
    name: Option<String>,
    options: Options,
    existing: bool,
    protocol: ProtocolVersion,
    name_key: Option<Arc<SecretBox<[u8; 32]>>>,
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

impl ObjectMediaStore {
    /// Opens a bucket by its URL, such as `s3://bucket/prefix`, with options and credentials from
    /// the environment and the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    /// The same as [`ObjectMediaStoreBuilder::build`].
    pub async fn from_url(url: impl Into<String>) -> Result<Self, StorageError> {
        Self::builder().with_url(url).with_env().build().await
    }

    /// Creates a builder of a store.
    pub fn builder() -> ObjectMediaStoreBuilder {
        ObjectMediaStoreBuilder {
            settings: ConnectSettings::default(),
            object_store: None,
            name: None,
            options: Options {
                organization: Organization::default(),
                sharing: Sharing::Off,
                default_retention: RetentionPolicy::default(),
                max_media_size: u64::MAX,
                verification: Verification::default(),
                parts: PartOptions {
                    part_size: 8 * 1024 * 1024,
                    in_flight: 2,
                },
                spool_directory: None,
                grace: Duration::from_secs(24 * 3600),
                read_only: false,
                may_delete: true,
            },
            existing: false,
            protocol: ProtocolVersion::default(),
            name_key: None,
        }
    }
}

impl ObjectMediaStoreBuilder {
    /// Sets the URL of the bucket: `s3://bucket/prefix`, `gs://bucket/prefix` or
    /// `az://container/prefix`. Either a URL or an [object store](Self::with_object_store) is
    /// required.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.settings.url = Some(url.into());
        self
    }

    /// Sets an option of the service by its name, such as `endpoint`, `region` or `access_key_id`.
    /// An unknown option is an error of [`build`](Self::build).
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let value = SecretString::from(value.into());
        self.settings.options.push((key.into(), value));
        self
    }

    /// Reads options that are not set from the environment, as the tools of the service do. Defaults
    /// to not reading the environment.
    pub fn with_env(mut self) -> Self {
        self.settings.environment = true;
        self
    }

    /// Sets the object store, instead of a [URL](Self::with_url). Keys begin at its root; wrap it in
    /// [`PrefixStore`](object_store::prefix::PrefixStore) for a prefix. The backend is `object` in
    /// references, and URLs are not signed.
    pub fn with_object_store(mut self, store: Arc<dyn ObjectStore>) -> Self {
        self.object_store = Some(store);
        self
    }

    /// Sets the endpoint of signed URLs, if clients reach the service by another address than this
    /// process. Defaults to the endpoint of the store.
    pub fn with_public_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.public_endpoint = Some(url.into());
        self
    }

    /// Sets how keys are organized. Defaults to [`Organization::BySession`].
    pub fn with_organization(mut self, organization: Organization) -> Self {
        self.options.organization = organization;
        self
    }

    /// Sets whether equal bytes are stored once, across all nodes. If [`build`](Self::build) finds
    /// that the service does not support this, each reference keeps its own bytes, which is logged
    /// and counted as `copies` in usage. Defaults to false.
    pub fn with_deduplication(mut self, deduplication: bool) -> Self {
        self.options.sharing = if deduplication {
            Sharing::On
        } else {
            Sharing::Off
        };
        self
    }

    /// Sets the retention of media that is stored without one. Defaults to
    /// [`RetentionPolicy::Retain`].
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.options.default_retention = retention;
        self
    }

    /// Sets the maximum size of a media item, in bytes. Defaults to no limit.
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.options.max_media_size = bytes;
        self
    }

    /// Sets how reads are verified. Defaults to [`Verification::HashAndSize`].
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.options.verification = verification;
        self
    }

    /// Sets a name that references carry, to distinguish several stores: 1 to 64 letters, digits,
    /// `.`, `_` and `-`. Defaults to no name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of a part, in bytes, above which bodies are uploaded in parts; at least 5 MiB. A
    /// stream of unknown length that is not shared can have 10,000 parts; for other bodies, parts
    /// are made larger as needed. Defaults to 8 MiB.
    pub fn with_part_size(mut self, bytes: usize) -> Self {
        self.options.parts.part_size = bytes;
        self
    }

    /// Sets how many parts of one upload may be in memory at the same time; at least 1. Defaults to
    /// 2.
    pub fn with_parts_in_flight(mut self, parts: usize) -> Self {
        self.options.parts.in_flight = parts;
        self
    }

    /// Sets the directory of temporary files for streams above the part size whose bytes may be
    /// shared. Defaults to the operating system's directory for temporary files.
    pub fn with_spool_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.spool_directory = Some(directory.into());
        self
    }

    /// Sets how old leftovers of uploads must be before a sweep removes them. Blobs are safe
    /// with any value; without deduplication, no store may take longer than this between its first
    /// and its last request. Defaults to 24 hours.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Opens the store for reading only: nothing is written to the bucket, neither at opening nor
    /// later, and the credential needs no right to write or delete. Store, delete, scope deletion
    /// and sweep fail with `Permission`; a dry run of a sweep is allowed.
    pub fn with_read_only(mut self) -> Self {
        self.options.read_only = true;
        self
    }

    /// Sets the protocol that a bucket is used by, if it was not used by the second before: from then on
    /// it is, whatever a store is opened with. Opening does not change what is stored. Defaults to
    /// [`ProtocolVersion::Second`], in new buckets and in those that were used by the first. Where the service
    /// has no conditional writes, the second needs a [key](Self::with_name_key).
    ///
    /// Set [`ProtocolVersion::First`] as long as programs that know only the first protocol sweep or
    /// delete in the bucket, or may have to read what this one stores.
    pub fn with_protocol(mut self, protocol: ProtocolVersion) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets the key of the names of the second protocol, which are keyed hashes. It must be the same
    /// in all processes and for the life of the store. Defaults to a random key that is kept in the
    /// bucket, if the service has conditional writes.
    pub fn with_name_key(mut self, key: [u8; 32]) -> Self {
        self.name_key = Some(Arc::new(SecretBox::new(Box::new(key))));
        self
    }

    /// Sets whether only a store that exists is opened, without writing anything to open it. Its
    /// organization, its protocol, and whether it shares bytes, are then read from the bucket, and
    /// [`with_organization`](Self::with_organization), [`with_protocol`](Self::with_protocol) and
    /// [`with_deduplication`](Self::with_deduplication) have no effect. Needs the right to list.
    /// Defaults to false: a bucket without a store becomes one.
    pub fn with_existing(mut self, existing: bool) -> Self {
        self.existing = existing;
        self
    }

    /// Opens the bucket and probes the service, in a few requests. The cost does not depend on what
    /// is stored.
    ///
    /// # Errors
    /// - `Config` if the bucket does not exist, or if the URL, an option, the name or a size is not
    ///   valid
    /// - `Permission` if the credential lacks a right
    /// - `Unavailable` if the service cannot be reached
    pub async fn build(self) -> Result<ObjectMediaStore, StorageError> {
        // Blocks on reading certificates, and credentials that options name.
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
                "an object store cannot be combined with a URL, options or a public endpoint",
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
        let options = ProtocolOptions {
            protocol: self.protocol,
            name_key: self
                .name_key
                .as_ref()
                .map(|key| NameKey::new(*key.expose_secret())),
            writable: !self.options.read_only && !self.existing,
            sharing: self.options.sharing == Sharing::On,
        };
        let OpenedProtocol {
            keys,
            conditional,
            mut version_id,
            may_delete,
        } = open_protocol(&bucket, Keys::new(connection.prefix), options).await?;
        self.options.may_delete = may_delete;
        let second = keys.second();
        let bucket = match second.is_some_and(|second| !second.tombstones) {
            true => self.without_repetition(bucket).await?,
            false => bucket,
        };
        let mut organizations = Vec::new();
        if self.existing {
            let found = Existing::look(&bucket, &keys).await?;
            self.options.sharing = found.sharing;
            self.options.organization = found.organization;
            organizations = found.organizations;
        } else if self.options.read_only {
            reach(&bucket, &keys).await?;
        } else {
            let prepared = prepare(&bucket, &keys, &mut self.options, conditional).await?;
            version_id = version_id.or(prepared);
        }
        let keeps_versions = keeps_versions(&bucket, version_id.as_deref());
        if keeps_versions {
            tracing::warn!(
                backend = bucket.backend(),
                "the bucket keeps versions: deleted media remains until a lifecycle rule removes it"
            );
        }
        if organizations.is_empty() {
            organizations.push(self.options.organization);
        }
        Ok(ObjectMediaStore::new(Shared {
            bucket,
            keys,
            signer: connection.signer,
            name: self.name,
            options: self.options,
            confirmed: ConfirmedBlobs::default(),
            generations: Generations::default(),
            lease: LeaseWatch::default(),
            keeps_versions,
            organizations,
        }))
    }

    /// Returns a bucket whose client repeats no write of a whole object: without conditional writes, a copy
    /// that arrives late would bring back what was deleted. The store begins again itself, under another
    /// reference.
    async fn without_repetition(&self, bucket: Bucket) -> Result<Bucket, StorageError> {
        if self.object_store.is_some() {
            return Ok(bucket);
        }
        let mut settings = self.settings.clone();
        settings.single_requests = true;
        let connection = blocking(move || connect(&settings)).await?;
        Ok(bucket.writing_by(connection.store))
    }

    fn check(&self, backend: &str) -> Result<(), StorageError> {
        let PartOptions {
            part_size,
            in_flight,
        } = self.options.parts;
        if part_size < MIN_PART {
            return Err(refuse("the part size is below the minimum of 5 MiB"));
        }
        if in_flight == 0 {
            return Err(refuse("the number of parts in flight must be at least 1"));
        }
        // References define which names are valid.
        let mut probe = media_types::StorageReference::builder(backend, "probe");
        if let Some(name) = &self.name {
            probe = probe.with_store_name(name);
        }
        let built = probe.build().map(drop);
        built.map_err(|error| refuse("the name of the store is not valid").with_source(error))
    }
}

fn refuse(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Config, Operation::Open).with_reason(reason)
}
