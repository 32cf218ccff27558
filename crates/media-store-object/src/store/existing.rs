//! What a bucket says about the store that is in it, without writing anything.

use media_storage::{Organization, StorageError, StorageErrorKind};

use crate::bucket::{Bucket, Keys};
use crate::reference::layout;
use crate::shared::Sharing;

/// The reason of the error for a bucket and prefix that hold no store, when an existing one was
/// asked for.
pub const NO_STORE: &str = "there is no media store in this bucket under this prefix";

/// The store that is there.
#[derive(Clone, Debug)]
pub(crate) struct Existing {
    /// The deepest organization.
    pub(crate) organization: Organization,
    /// All organizations that media was stored in.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) sharing: Sharing,
}

impl Existing {
    /// Looks. Two listings of at most one page each.
    pub(crate) async fn look(bucket: &Bucket, keys: &Keys) -> Result<Self, StorageError> {
        let names = layout::organizations(bucket, keys).await?;
        let mut organizations: Vec<Organization> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        organizations.sort();
        let Some(organization) = organizations.last().copied() else {
            return Err(bucket.fail(StorageErrorKind::Config).with_reason(NO_STORE));
        };
        // Where bytes were shared once, the service has carried it.
        let mut shares =
            bucket.any(&keys.all_markers()?).await? || bucket.any(&keys.blobs()?).await?;
        if let Some(second) = keys.second()
            && !shares
        {
            shares = bucket.any(&second.all("ref")?).await?;
        }
        Ok(Self {
            organization,
            organizations,
            sharing: if shares { Sharing::On } else { Sharing::Off },
        })
    }
}
