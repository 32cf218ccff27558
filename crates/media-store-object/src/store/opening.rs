//! Finding out by which protocol a bucket is used, and whether the service supports what is asked for.

use media_storage::{StorageError, StorageErrorKind};
use media_types::readable::causes;

use super::probe::{Conditional, Needs, is_plain_refusal, probe, reach};
use super::protocol::ProtocolVersion;
use crate::bucket::{Bucket, Keys, NameKey};
use crate::reference::layout;
use crate::second::{FormatOptions, open_format};
use crate::shared::{Options, Sharing};

/// How a bucket is to be used.
pub(super) struct ProtocolOptions {
    /// The protocol of a bucket that does not say by which it is used.
    pub(super) protocol: ProtocolVersion,
    /// The key of names, if the operator keeps it.
    pub(super) name_key: Option<NameKey>,
    /// Whether anything may be written.
    pub(super) writable: bool,
    /// Whether equal bytes are to be shared.
    pub(super) sharing: bool,
}

/// How a bucket is used.
pub(super) struct OpenedProtocol {
    pub(super) keys: Keys,
    /// Whether the service supports conditional writes, if that was probed.
    pub(super) conditional: Option<Conditional>,
    /// The version id of an object that was written, if the service reports one.
    pub(super) version_id: Option<String>,
    /// Whether the credential may delete, as far as that was probed.
    pub(super) may_delete: bool,
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
        may_delete: true,
    };
    let second = options.protocol == ProtocolVersion::Second;
    let mut writable = options.writable;
    if second && writable {
        writable = opened.probe(bucket, options.sharing).await?;
    }
    let format = FormatOptions {
        second,
        name_key: options.name_key,
        writable,
        conditional: opened.conditional == Some(Conditional::Supported),
    };
    let name_key = match open_format(bucket, &opened.keys, format).await {
        // Without the right to list, S3 answers 403 for an object that does not exist.
        Err(error) if error.kind() == StorageErrorKind::Permission && !(second && writable) => None,
        other => other?,
    };
    let Some(name_key) = name_key else {
        return Ok(opened);
    };
    if opened.conditional.is_none() && writable {
        opened.probe(bucket, options.sharing).await?;
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
    /// Probes the service. Returns whether the credential may write. Without sharing, one that may only
    /// read is enough to read what is there.
    async fn probe(&mut self, bucket: &Bucket, sharing: bool) -> Result<bool, StorageError> {
        let needs = Needs {
            sharing,
            tombstones: true,
        };
        match probe(bucket, &self.keys, needs).await {
            Ok(probe) => {
                self.version_id = probe.version_id;
                self.may_delete = probe.may_delete;
                self.conditional = Some(probe.conditional);
                Ok(true)
            }
            Err(error) if !sharing && is_plain_refusal(&error) => {
                tracing::warn!(error = %causes(&error), "the store can only be read");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Probes the service, unless that was done, and notes the organization. Returns the version id of an
/// object that was written, if the service reports one.
pub(super) async fn prepare(
    bucket: &Bucket,
    keys: &Keys,
    options: &mut Options,
    probed: Option<Conditional>,
) -> Result<Option<String>, StorageError> {
    let mut version_id = None;
    let probed = match (probed, options.sharing) {
        (None, Sharing::On) => {
            let needs = Needs {
                sharing: true,
                tombstones: false,
            };
            let probe = probe(bucket, keys, needs).await?;
            version_id = probe.version_id;
            options.may_delete = probe.may_delete;
            Some(probe.conditional)
        }
        (probed, Sharing::On) => probed,
        (_, Sharing::Off | Sharing::Unsupported) => {
            reach(bucket, keys).await?;
            None
        }
    };
    if let Some(Conditional::Unsupported(reason)) = probed {
        tracing::warn!(
            backend = bucket.backend(),
            reason,
            "deduplication is not supported: each reference keeps its own bytes"
        );
        options.sharing = Sharing::Unsupported;
    }
    let note = layout::note(bucket, keys, options.organization).await?;
    Ok(version_id.or(note))
}

/// Whether the bucket keeps deleted objects as versions. A version id of GCS is a generation number,
/// which every object has; `null` is the version of an object in a bucket without versioning.
pub(super) fn keeps_versions(bucket: &Bucket, version_id: Option<&str>) -> bool {
    matches!(bucket.backend(), "s3" | "azure") && version_id.is_some_and(|id| id != "null")
}
