//! References to stored media, and file ids at providers.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ValueError, ValueKind};
use crate::key::MAX_KEY_LEN;
use crate::sha256::Sha256;

/// Largest size of the name of a backend or a store, in bytes.
const MAX_NAME_LEN: usize = 64;
/// Largest size of the metadata, summed over keys and values, in bytes.
const MAX_METADATA_LEN: usize = 4096;

/// A reference: the small value that stands for stored media.
///
/// Each store operation creates one, which owns its media: deleting a reference never affects another, even
/// if they share bytes. It names the backend, the id in the store, and size and SHA-256 of the bytes. It is
/// neither a permission nor a path on the host, and contains neither credentials nor URLs.
///
/// ```
/// use media_types::StorageReference;
/// let json = r#"{"id":"s/c/ab12cd-x.png","backend":"file","size":3}"#;
/// let reference: StorageReference = serde_json::from_str(json)?;
/// assert_eq!(reference.file_name(), "ab12cd-x.png");
/// assert_eq!(serde_json::to_string(&reference)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StorageReference {
    id: Box<str>,
    backend: Box<str>,
    #[serde(rename = "store", skip_serializing_if = "Option::is_none")]
    store_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(serialize_with = "millis", skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

#[allow(clippy::ref_option)]
fn millis<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        None => serializer.serialize_none(),
    }
}

impl StorageReference {
    /// Creates a builder from the name of a backend (`file`, `s3`, `gcs`, `azure`, `memory`, or another) and the
    /// id in the store.
    pub fn builder(backend: impl Into<String>, id: impl Into<String>) -> StorageReferenceBuilder {
        StorageReferenceBuilder {
            backend: backend.into(),
            id: id.into(),
            store_name: None,
            size: None,
            sha256: None,
            created_at: None,
            metadata: BTreeMap::new(),
        }
    }

    /// Returns a builder of references that are equal to this one except for what is set, for stores that
    /// wrap others.
    pub fn to_builder(&self) -> StorageReferenceBuilder {
        StorageReferenceBuilder {
            backend: self.backend.to_string(),
            id: self.id.to_string(),
            store_name: self.store_name.as_deref().map(str::to_owned),
            size: self.size,
            sha256: self.sha256,
            created_at: self.created_at,
            metadata: self.metadata.clone(),
        }
    }

    /// Returns the id in the store. Only the store knows its meaning.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name of the kind of store.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Returns the name of the store, if several of one kind are used.
    pub fn store_name(&self) -> Option<&str> {
        self.store_name.as_deref()
    }

    /// Returns the size of the media in bytes; unknown only in references of other systems.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Returns the SHA-256 of the media; unknown in references of other systems and of stores that keep
    /// hashes secret.
    pub fn sha256(&self) -> Option<Sha256> {
        self.sha256
    }

    /// Returns when the media was stored. For display only: stores neither trust nor check it.
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        self.created_at
    }

    /// Returns a value that the store added. It belongs to the reference, and goes wherever the reference
    /// goes: a store may check it, as encrypted stores check the HMAC that takes the place of the hash.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Returns the last segment of the id.
    pub fn file_name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// Builder of a [`StorageReference`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StorageReferenceBuilder {
    backend: String,
    id: String,
    store_name: Option<String>,
    size: Option<u64>,
    sha256: Option<Sha256>,
    created_at: Option<DateTime<Utc>>,
    metadata: BTreeMap<String, String>,
}

impl StorageReferenceBuilder {
    /// Sets the name of the store. Defaults to none.
    pub fn with_store_name(mut self, name: impl Into<String>) -> Self {
        self.store_name = Some(name.into());
        self
    }

    /// Sets the size of the media in bytes. Defaults to unknown.
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Sets the SHA-256 of the media. Defaults to unknown.
    pub fn with_sha256(mut self, sha256: Sha256) -> Self {
        self.sha256 = Some(sha256);
        self
    }

    /// Removes the SHA-256.
    pub fn without_sha256(mut self) -> Self {
        self.sha256 = None;
        self
    }

    /// Sets when the media was stored. Defaults to unknown.
    pub fn with_created_at(mut self, at: DateTime<Utc>) -> Self {
        self.created_at = Some(at);
        self
    }

    /// Adds a value of the backend. It must not be a path, a bucket, a credential or a URL.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Builds the reference.
    ///
    /// # Errors
    /// Fails for an id that is empty, longer than 1024 bytes or contains control characters; for a name of a
    /// backend or store that is empty, longer than 64 bytes, or has other characters than ASCII letters,
    /// digits, `.`, `_` and `-`; and for metadata of more than 4 KiB.
    pub fn build(self) -> Result<StorageReference, ValueError> {
        let refuse = |reason| Err(ValueError::new(ValueKind::Reference, reason));
        if self.id.is_empty() {
            return refuse("the id is empty");
        }
        if self.id.len() > MAX_KEY_LEN {
            return refuse("the id is longer than 1024 bytes");
        }
        if self.id.chars().any(char::is_control) {
            return refuse("the id contains a control character");
        }
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= MAX_NAME_LEN
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if !is_name(&self.backend) {
            return refuse("the backend is not a name of 1 to 64 letters, digits, . _ -");
        }
        if self
            .store_name
            .as_deref()
            .is_some_and(|name| !is_name(name))
        {
            return refuse("the store is not a name of 1 to 64 letters, digits, . _ -");
        }
        if self
            .metadata
            .iter()
            .map(|(k, v)| k.len() + v.len())
            .sum::<usize>()
            > MAX_METADATA_LEN
        {
            return refuse("the metadata is larger than 4096 bytes");
        }
        Ok(StorageReference {
            id: self.id.into(),
            backend: self.backend.into(),
            store_name: self.store_name.map(Into::into),
            size: self.size,
            sha256: self.sha256,
            created_at: self.created_at,
            metadata: self.metadata,
        })
    }
}

/// The forms that are read: an object, or the plain string of PromptKit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Plain(String),
    Object(WireObject),
}

#[derive(Deserialize)]
struct WireObject {
    id: String,
    backend: String,
    store: Option<String>,
    size: Option<u64>,
    sha256: Option<Sha256>,
    created_at: Option<DateTime<Utc>>,
    metadata: Option<BTreeMap<String, String>>,
}

impl<'de> Deserialize<'de> for StorageReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let builder = match Wire::deserialize(deserializer)? {
            Wire::Plain(id) => Self::builder("file", id),
            Wire::Object(wire) => StorageReferenceBuilder {
                backend: wire.backend,
                id: wire.id,
                store_name: wire.store,
                size: wire.size,
                sha256: wire.sha256,
                created_at: wire.created_at,
                metadata: wire.metadata.unwrap_or_default(),
            },
        };
        builder.build().map_err(serde::de::Error::custom)
    }
}

/// A file at a model provider, by its file id.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ProviderFile {
    provider: Box<str>,
    id: Box<str>,
}

impl ProviderFile {
    /// Creates a file from the name of a provider (`openai`, `anthropic`, `gemini`, ...) and its file id.
    ///
    /// # Errors
    /// Fails if a part is empty, contains control characters, or has more than 1024 bytes.
    pub fn new(provider: impl AsRef<str>, id: impl AsRef<str>) -> Result<Self, ValueError> {
        for part in [provider.as_ref(), id.as_ref()] {
            if part.is_empty() || part.len() > MAX_KEY_LEN || part.chars().any(char::is_control) {
                return Err(ValueError::new(
                    ValueKind::ProviderFile,
                    "provider and id must have 1 to 1024 bytes and no control characters",
                ));
            }
        }
        Ok(Self {
            provider: provider.as_ref().into(),
            id: id.as_ref().into(),
        })
    }

    /// Returns the name of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Returns the file id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for ProviderFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderFile({} {})", self.provider, self.id)
    }
}

impl<'de> Deserialize<'de> for ProviderFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            provider: String,
            id: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        Self::new(wire.provider, wire.id).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_reference_of_uuid_ids_has_at_most_400_bytes() {
        let id = format!(
            "session-{0}/conv-{0}/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.jpeg",
            uuid::Uuid::new_v4()
        );
        let reference = StorageReference::builder("azure", id)
            .with_store_name("europe-west-4-archive")
            .with_size(u64::from(u32::MAX))
            .with_sha256(Sha256::EMPTY)
            .with_created_at(Utc::now())
            .build()
            .unwrap();
        let json = serde_json::to_string(&reference).unwrap();
        assert!(json.len() <= 400, "{} bytes: {json}", json.len());
    }

    #[test]
    fn a_plain_string_is_a_file_reference() {
        let read: StorageReference = serde_json::from_str("\"a/b.png\"").unwrap();
        assert_eq!(
            (read.backend(), read.id(), read.size()),
            ("file", "a/b.png", None)
        );
    }

    #[test]
    fn malformed_references_are_refused() {
        for bad in [
            r#""""#,
            r#"{"id":"a"}"#,
            r#"{"id":"","backend":"file"}"#,
            r#"{"id":"a\u0000","backend":"file"}"#,
            r#"{"id":"a","backend":"fi le"}"#,
            r#"{"id":"a","backend":"file","store":""}"#,
            r#"{"id":"a","backend":"file","size":-1}"#,
            r#"{"id":"a","backend":"file","sha256":"zz"}"#,
            "17",
        ] {
            assert!(
                serde_json::from_str::<StorageReference>(bad).is_err(),
                "{bad}"
            );
        }
        let long = StorageReference::builder("file", "x".repeat(1025)).build();
        assert!(long.is_err());
    }
}
