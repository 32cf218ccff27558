//! Names of blobs.

use media_types::Sha256;

/// Classes of blobs: content that was fsynced, and content that was not.
pub(crate) const CLASSES: [&str; 2] = ["sha256", "buffered"];

/// Returns the directory of a blob below its class.
pub(super) fn shard(sha256: Sha256) -> String {
    format!("{:02x}", sha256.as_bytes()[0])
}

/// Returns the path of a blob below `.store/blobs`.
pub(crate) fn blob_path(class: &str, sha256: Sha256) -> String {
    format!("{class}/{}/{sha256}", shard(sha256))
}
