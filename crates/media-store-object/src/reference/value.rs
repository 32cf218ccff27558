//! References, with a hint of where their bytes are.

use media_storage::{Sidecar, StorageError, StorageErrorKind};
use media_types::StorageReference;

use super::sidecar::{ByteLocation, Descriptor, Protocol};
use crate::protocol::Nonce;

/// The metadata of a reference that names the generation of its bytes, so that they can be requested
/// together with the sidecar, which decides.
const HINT: &str = "g";

/// Maximum length of a reference with a hint, as JSON. A longer reference has no hint.
const MAX_HINTED: usize = 400;

/// Creates the reference to media.
pub(crate) fn reference_to(
    descriptor: &Descriptor,
    backend: &str,
    store_name: Option<&str>,
) -> Result<StorageReference, StorageError> {
    let generation = match (descriptor.location, descriptor.protocol) {
        (ByteLocation::Shared(generation), Protocol::Second) => Some(generation),
        _ => None,
    };
    new_reference(&descriptor.sidecar, generation, backend, store_name)
}

/// Creates the reference to media whose bytes are shared under this generation, by the second
/// protocol.
pub(crate) fn new_reference(
    sidecar: &Sidecar,
    generation: Option<Nonce>,
    backend: &str,
    store_name: Option<&str>,
) -> Result<StorageReference, StorageError> {
    let plain = sidecar.reference(backend, store_name)?;
    let Some(generation) = generation else {
        return Ok(plain);
    };
    let mut builder = StorageReference::builder(backend, sidecar.id.as_str())
        .with_size(sidecar.size_bytes)
        .with_sha256(sidecar.sha256)
        .with_created_at(sidecar.stored_at)
        .with_metadata(HINT, encoded(generation));
    if let Some(name) = store_name {
        builder = builder.with_store_name(name);
    }
    let hinted = builder.build().map_err(|error| {
        StorageError::new(StorageErrorKind::Corrupted, media_storage::Operation::Store)
            .with_source(error)
    })?;
    let len = serde_json::to_string(&hinted).map_or(usize::MAX, |json| json.len());
    Ok(if len <= MAX_HINTED { hinted } else { plain })
}

/// Returns the generation that a reference names. It only says where to look.
pub(crate) fn hinted_generation(reference: &StorageReference) -> Option<Nonce> {
    let text = reference.metadata(HINT)?;
    if text.len() != 22 {
        return None;
    }
    let standard = text.replace('-', "+").replace('_', "/");
    let bytes = media_types::base64::decode(format!("{standard}==").as_bytes()).ok()?;
    let bytes: [u8; 16] = bytes.as_slice().try_into().ok()?;
    Some(Nonce::new(u128::from_be_bytes(bytes)))
}

/// Returns a generation as 22 characters of base64url.
fn encoded(generation: Nonce) -> String {
    let mut text = media_types::base64::encode(&generation.value().to_be_bytes());
    text.truncate(22);
    text.replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::{MediaMetadata, RetentionPolicy};
    use media_types::{Mime, Sha256};
    use proptest::prelude::*;

    fn sidecar(directory: &str) -> Sidecar {
        Sidecar::new(
            format!("{directory}/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png"),
            Mime::IMAGE_PNG,
            u64::MAX,
            Sha256::EMPTY,
            MediaMetadata::new(),
            RetentionPolicy::Retain,
            chrono::DateTime::UNIX_EPOCH,
        )
    }

    proptest! {
        #[test]
        fn hints_are_read_back(value: u128, directory in "[a-z]{1,200}") {
            let generation = Nonce::new(value);
            let sidecar = sidecar(&directory);
            let reference = new_reference(&sidecar, Some(generation), "s3", Some("eu")).unwrap();
            let json = serde_json::to_string(&reference).unwrap();
            match hinted_generation(&reference) {
                Some(hinted) => {
                    prop_assert_eq!(hinted, generation);
                    prop_assert!(json.len() <= MAX_HINTED);
                }
                // The hint and its frame have 43 characters.
                None => prop_assert!(json.len() + 43 > MAX_HINTED),
            }
        }
    }
}
