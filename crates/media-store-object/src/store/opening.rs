//! Finding out by which protocol a bucket is used.

use media_storage::{StorageError, StorageErrorKind};

use super::probe::{Conditional, probe};
use super::protocol::ProtocolVersion;
use crate::bucket::{Bucket, Keys, NameKey};
use crate::second::{FormatOptions, open_format};

/// How a bucket is to be used.
pub(super) struct ProtocolOptions {
    /// The protocol of a bucket that does not say by which it is used.
    pub(super) protocol: ProtocolVersion,
    /// The key of names, if the operator keeps it.
    pub(super) name_key: Option<NameKey>,
    /// Whether anything may be written.
    pub(super) writable: bool,
}

/// How a bucket is used.
pub(super) struct OpenedProtocol {
    pub(super) keys: Keys,
    /// Whether the service supports conditional writes, if that was probed.
    pub(super) conditional: Option<Conditional>,
    /// The version id of an object that was written, if the service reports one.
    pub(super) version_id: Option<String>,
}

/// Finds out by which protocol the bucket is used.
pub(super) async fn open_protocol(
    bucket: &Bucket,
    keys: Keys,
    options: ProtocolOptions,
) -> Result<OpenedProtocol, StorageError> {
    let mut opened = OpenedProtocol {
        keys,
        conditional: None,
        version_id: None,
    };
    let second = options.protocol == ProtocolVersion::Second;
    if second && options.writable {
        opened.probe(bucket).await?;
    }
    let format = FormatOptions {
        second,
        name_key: options.name_key,
        writable: options.writable,
        conditional: opened.conditional == Some(Conditional::Supported),
    };
    let name_key = match open_format(bucket, &opened.keys, format).await {
        // Without the right to list, S3 answers 403 for an object that does not exist.
        Err(error) if error.kind() == StorageErrorKind::Permission && !second => None,
        other => other?,
    };
    let Some(name_key) = name_key else {
        return Ok(opened);
    };
    if opened.conditional.is_none() && options.writable {
        opened.probe(bucket).await?;
    }
    // A store that was not probed writes nothing, or belongs to a bucket that was probed before.
    let tombstones = match &opened.conditional {
        None | Some(Conditional::Supported) => true,
        Some(Conditional::Unsupported(_)) => false,
    };
    if !tombstones {
        tracing::warn!(
            backend = bucket.backend(),
            "the service does not support conditional writes: copies of requests that the network \
             delays can bring deleted media back until the next full sweep"
        );
    }
    opened.keys = opened.keys.with_second(name_key, tombstones);
    Ok(opened)
}

impl OpenedProtocol {
    async fn probe(&mut self, bucket: &Bucket) -> Result<(), StorageError> {
        let probe = probe(bucket, &self.keys, true).await?;
        self.version_id = probe.version_id;
        self.conditional = Some(probe.conditional);
        Ok(())
    }
}

/// Whether the bucket keeps deleted objects as versions. A version id of GCS is a generation number,
/// which every object has; `null` is the version of an object in a bucket without versioning.
pub(super) fn keeps_versions(bucket: &Bucket, version_id: Option<&str>) -> bool {
    matches!(bucket.backend(), "s3" | "azure") && version_id.is_some_and(|id| id != "null")
}
