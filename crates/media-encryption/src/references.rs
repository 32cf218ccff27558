//! References as callers see them, and those of the inner store to the ciphertext.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::{StorageReference, base64};

use crate::geometry::stored_len;
use crate::header::Content;
use crate::scope_key::Mac;

/// The name under which a reference carries the HMAC of the hash.
const HMAC: &str = "hmac";

/// Returns the reference for callers: with the size of the media, and an HMAC in place of the hash.
pub(crate) fn outward(
    inner: &StorageReference,
    len: Option<u64>,
    mac: Option<&Mac>,
    operation: Operation,
) -> Result<StorageReference, StorageError> {
    let mut builder = inner.to_builder().without_sha256();
    if let Some(len) = len {
        builder = builder.with_size(len);
    }
    if let Some(mac) = mac {
        builder = builder.with_metadata(HMAC, base64::encode(mac));
    }
    builder
        .build()
        .map_err(|error| StorageError::new(StorageErrorKind::Other, operation).with_source(error))
}

/// Returns the reference of the inner store, which checks the size of the ciphertext.
pub(crate) fn inward(
    reference: &StorageReference,
    operation: Operation,
) -> Result<StorageReference, StorageError> {
    let mut builder = reference.to_builder().without_sha256();
    if let Some(len) = reference.size() {
        builder = builder.with_size(stored_len(len));
    }
    builder.build().map_err(|error| {
        StorageError::new(StorageErrorKind::InvalidRef, operation)
            .with_key(reference.id())
            .with_source(error)
    })
}

/// Returns the HMAC of a reference as text.
pub(crate) fn mac_of(reference: &StorageReference) -> Option<String> {
    reference.metadata(HMAC).map(str::to_owned)
}

/// Checks the HMAC of a reference, if it has one.
pub(crate) fn check_mac(
    reference: &StorageReference,
    mac: &Mac,
    operation: Operation,
) -> Result<(), StorageError> {
    match reference.metadata(HMAC) {
        Some(found)
            if verify_slices_are_equal(found.as_bytes(), base64::encode(mac).as_bytes())
                .is_err() =>
        {
            Err(differs(reference, operation))
        }
        _ => Ok(()),
    }
}

/// Checks the hash of a reference, if it has one.
pub(crate) fn check_hash(
    reference: &StorageReference,
    content: &Content,
    operation: Operation,
) -> Result<(), StorageError> {
    match reference.sha256() {
        Some(sha256) if sha256 != content.sha256 => Err(differs(reference, operation)),
        _ => Ok(()),
    }
}

fn differs(reference: &StorageReference, operation: Operation) -> StorageError {
    StorageError::new(StorageErrorKind::InvalidRef, operation)
        .with_key(reference.id())
        .with_reason("the hash of the reference differs from that of the media")
}
