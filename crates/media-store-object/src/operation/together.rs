//! Reading sidecar, marker and bytes in one round trip.

use media_storage::{Operation, Scope, StorageError, StorageErrorKind};
use media_types::StorageReference;
use object_store::GetResult;
use object_store::path::Path;

use super::resolve::Resolved;
use crate::bucket::{Bucket, MarkerState, MediaKey};
use crate::reference::sidecar::{ByteLocation, Protocol, read};
use crate::reference::value::hinted_generation;
use crate::shared::{Shared, Sharing};

/// A reference that was admitted, and its bytes if they were requested.
pub(super) struct Together {
    pub(super) found: Resolved,
    pub(super) opened: Option<GetResult>,
}

/// Where the bytes of a reference may be.
struct Guess {
    location: ByteLocation,
    object: Path,
    marker: Option<Path>,
}

fn guess(
    shared: &Shared,
    reference: &StorageReference,
    key: &MediaKey,
) -> Result<Option<Guess>, StorageError> {
    let Some(second) = shared.keys.second() else {
        return Ok(None);
    };
    if let (Some(generation), Some(sha256)) = (hinted_generation(reference), reference.sha256()) {
        let name = second.content(sha256);
        return Ok(Some(Guess {
            location: ByteLocation::Shared(generation),
            object: second.blob(name, generation)?,
            marker: Some(second.marker(name, generation, key.token(), None)?),
        }));
    }
    if shared.options.sharing == Sharing::On {
        return Ok(None);
    }
    Ok(Some(Guess {
        location: ByteLocation::Own,
        object: shared.keys.media(key)?,
        marker: None,
    }))
}

/// Requests everything at once where the reference says, or the options of the store suggest, where
/// the bytes are. Returns `None` if that was not right in every point: nothing was decided then, and
/// what was opened is dropped unread.
pub(super) async fn together(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
    scope: Option<&Scope>,
    bytes: bool,
) -> Result<Option<Together>, StorageError> {
    let key = shared.key(bucket, reference)?;
    let Some(guess) = guess(shared, reference, &key)? else {
        return Ok(None);
    };
    let (descriptor, marked, opened) = tokio::join!(
        read(bucket, &shared.keys, &key),
        async {
            match &guess.marker {
                Some(marker) => bucket.head(marker).await,
                None => Ok(None),
            }
        },
        async {
            match bytes {
                true => bucket.open(&guess.object, None).await,
                false => Ok(None),
            }
        },
    );
    let descriptor = match descriptor {
        Ok(descriptor) => descriptor,
        Err(error) if error.kind() == StorageErrorKind::Corrupted => None,
        // The service has failed; asking again would fail in the same way.
        Err(error) => return Err(error),
    };
    let (Some(descriptor), Ok(marked), Ok(opened)) = (descriptor, marked, opened) else {
        return Ok(None);
    };
    let sidecar = &descriptor.sidecar;
    let exists = match (&guess.marker, descriptor.revision) {
        (None, _) => true,
        (Some(_), None) => {
            marked.is_some_and(|meta| MarkerState::of_size(meta.size) == MarkerState::Sealed)
        }
        // The marker of media that was imported has a name that no reference tells.
        (Some(_), Some(_)) => descriptor.exists(bucket, &shared.keys, &key).await?,
    };
    let fits = opened
        .as_ref()
        .map_or(!bytes, |opened| opened.meta.size == sidecar.size_bytes);
    let right = descriptor.protocol == Protocol::Second
        && descriptor.location == guess.location
        && exists
        && fits;
    if !right {
        return Ok(None);
    }
    let now = chrono::Utc::now();
    sidecar
        .admit(reference, scope, now, Operation::Retrieve)
        .map_err(|error| bucket.adopt(error))?;
    Ok(Some(Together {
        found: Resolved { key, descriptor },
        opened,
    }))
}
