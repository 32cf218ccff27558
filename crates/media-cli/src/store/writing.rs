//! Opening a store that media is put into: its keys need ids, and they must suffice.

use media_storage::layout::CaseRule;
use media_storage::{MediaMetadata, Organization};

use crate::failure::{Failure, Outcome};
use crate::store::arguments::StoreArguments;
use crate::store::open::{Creation, NewStore, OpenStore, open_or_create, open_target};

/// Opens a store in the organization that is asked for, or else in its deepest one that the ids of
/// the metadata suffice for. Creates the store where that is allowed.
pub(crate) async fn open_for_writing(
    store: &StoreArguments,
    metadata: &MediaMetadata,
    organization: Option<Organization>,
    create: bool,
) -> Outcome<OpenStore> {
    let (location, access) = (&store.location, &store.access);
    let creation = Creation::of_flag(create);
    let suffices = |organization: &Organization| {
        let directories = organization.directories(metadata, CaseRule::Sensitive);
        directories.is_ok()
    };
    let organization = match organization {
        Some(organization) => Some(organization),
        None => match open_target(location, access).await {
            Ok(store) => {
                let fits = store.organizations().iter().filter(|o| suffices(o));
                Some(*fits.max().ok_or_else(|| missing_ids(&store))?)
            }
            Err(_) if create => Organization::ALL.into_iter().filter(suffices).max(),
            Err(failure) => return Err(failure),
        },
    };
    let new = NewStore {
        organization,
        share_bytes: None,
        creation,
    };
    open_or_create(location, access, new).await
}

fn missing_ids(store: &OpenStore) -> Failure {
    let needs = match store.organizations().iter().min() {
        Some(Organization::ByConversation) => "--conversation",
        Some(Organization::BySession) => "--session and --conversation",
        _ => "--run, --session and --conversation",
    };
    Failure::usage(format!("media of this store needs {needs}"))
}
