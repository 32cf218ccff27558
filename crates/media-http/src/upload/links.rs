//! Links to what was uploaded.

use media_storage::{Scope, SignedUrlOptions};
use media_types::readable::causes;

use super::answer::UploadedMedia;
use crate::link::LinkSigner;

/// Signs links to items, which are good as long as their media is in a scope, such as that of its user.
///
/// An item whose link cannot be signed now stays without one, which is logged: its media is stored, and the client
/// has its reference. This is for services that answer for uploads which came another way, such as straight to a
/// bucket.
pub async fn sign_links(items: &mut [UploadedMedia], signer: &LinkSigner, scope: &Scope) {
    for item in items {
        let options = SignedUrlOptions::new().with_expected_scope(scope.clone());
        match signer.sign(&item.reference, options).await {
            Ok(link) => {
                item.url = Some(link.url().as_str().to_owned());
                item.url_expires_at = Some(link.expires_at());
            }
            Err(error) => tracing::warn!(error = %causes(&error), "no link for an upload"),
        }
    }
}

#[cfg(test)]
mod tests {
    use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _};
    use media_types::Mime;

    use super::*;
    use crate::link::LinkKeys;

    #[tokio::test]
    async fn an_item_without_a_link_is_an_item_and_the_others_have_theirs() {
        let store = InMemoryStorage::new();
        let keys = LinkKeys::new("a secret of the tests with thirty-two bytes").unwrap();
        let signer = LinkSigner::new(store.clone(), keys, "https://chat.example/media").unwrap();
        let ann = Scope::User("ann".parse().unwrap());
        let mut items = Vec::new();
        for user in ["ben", "ann"] {
            let metadata = MediaMetadata::new().with_user(user.parse().unwrap());
            let stored = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await;
            items.push(UploadedMedia::new(stored.unwrap(), Mime::IMAGE_PNG, 5));
        }
        sign_links(&mut items, &signer, &ann).await;
        assert_eq!(items[0].url, None, "it is of another user");
        let link = items[1].url.as_deref().unwrap();
        assert!(link.starts_with("https://chat.example/media/"), "{link}");
        assert!(items[1].url_expires_at.is_some());
    }
}
