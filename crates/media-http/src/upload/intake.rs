//! Storing the items of one request: all of them, or none.

use media_storage::{MediaBody, MediaUpload, Scope, SignedUrlOptions};
use media_types::StorageReference;

use super::answer::{UploadFailure, UploadedMedia};
use super::policy::UploadGrant;
use super::stream::{Bounded, look_at};
use super::target::UploadTarget;
use super::typing::type_of;
use crate::link::LinkSigner;
use crate::service::Incoming;

/// Longest name of a file that is kept, in bytes.
const MAX_NAME_LEN: usize = 255;

/// What a client says of an item.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) mime: Option<String>,
    pub(crate) filename: Option<String>,
}

/// The items of one request, while they are stored.
pub(crate) struct Intake<'a> {
    target: &'a dyn UploadTarget,
    signer: Option<&'a LinkSigner>,
    grant: UploadGrant,
    left: u64,
    items: Vec<UploadedMedia>,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        target: &'a dyn UploadTarget,
        signer: Option<&'a LinkSigner>,
        grant: UploadGrant,
    ) -> Self {
        Self {
            target,
            signer,
            left: grant.max_bytes,
            grant,
            items: Vec::new(),
        }
    }

    /// Stores the next item.
    pub(crate) async fn take(
        &mut self,
        declared: Declared,
        stream: Incoming,
    ) -> Result<(), UploadFailure> {
        if self.items.len() >= self.grant.max_items {
            return Err(UploadFailure::TooMany(self.grant.max_items));
        }
        let (prefix, stream) = look_at(stream).await?;
        if prefix.is_empty() {
            return Err(UploadFailure::Malformed("the upload has no bytes"));
        }
        let mime = type_of(&prefix, declared.mime.as_deref())
            .filter(|mime| self.grant.permits(mime))
            .ok_or(UploadFailure::Type)?;
        let filename = declared.filename.as_deref().and_then(harmless);
        let mut metadata = self.grant.metadata.clone();
        if let Some(name) = &filename {
            metadata = metadata.with_filename(name.clone());
        }
        let left = self.left;
        let body = MediaBody::from_stream(None, Bounded { stream, left });
        let upload = MediaUpload::new(mime.clone(), body, metadata);
        let reference = self.target.take(upload).await?;
        let size = reference.size().unwrap_or_default();
        self.left = self.left.saturating_sub(size);
        self.items.push(UploadedMedia {
            reference,
            mime_type: mime,
            size,
            filename,
            url: None,
            url_expires_at: None,
        });
        Ok(())
    }

    /// Signs links to what was stored, where links are signed.
    pub(crate) async fn finish(mut self) -> Result<Vec<UploadedMedia>, UploadFailure> {
        if self.items.is_empty() {
            return Err(UploadFailure::Malformed("the upload has no items"));
        }
        sign_links(&mut self.items, self.signer, &self.grant).await;
        Ok(self.items)
    }

    /// Deletes what was stored before an item failed.
    pub(super) async fn roll_back(self) {
        let references: Vec<StorageReference> =
            self.items.into_iter().map(|item| item.reference).collect();
        let results = self.target.take_back(&references).await;
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "an item of a failed upload stays until it expires");
        }
    }
}

/// Signs links to items, for the user of a grant, where links are signed.
pub(crate) async fn sign_links(
    items: &mut [UploadedMedia],
    signer: Option<&LinkSigner>,
    grant: &UploadGrant,
) {
    let Some(signer) = signer else {
        return;
    };
    let user = grant.metadata.user().cloned();
    let scope = user.map_or(Scope::All, Scope::User);
    for item in items {
        let options = SignedUrlOptions::new().with_expected_scope(scope.clone());
        // The media is stored; without a link the client still has its reference.
        match signer.sign(&item.reference, options).await {
            Ok(url) => {
                item.url = Some(url.url().as_str().to_owned());
                item.url_expires_at = Some(url.expires_at());
            }
            Err(error) => tracing::warn!(%error, "no link for an upload"),
        }
    }
}

/// Returns a name without directories and control characters, cut to the longest that is kept; `None` if
/// nothing of a name is left.
fn harmless(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut kept = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > MAX_NAME_LEN {
            break;
        }
        kept.push(c);
    }
    let is_name = kept.chars().any(|c| c != '.' && !c.is_whitespace());
    is_name.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for (name, expected) in [
            ("photo.png", Some("photo.png")),
            (" a b.png", Some(" a b.png")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\temp\\a.png", Some("a.png")),
            ("a\0.png\r\nX: y", Some("a.pngX: y")),
            (".htaccess", Some(".htaccess")),
            ("%2e%2e%2f", Some("%2e%2e%2f")),
            ("", None),
            ("..", None),
            (" . ", None),
            ("a/", None),
            ("\n", None),
        ] {
            assert_eq!(harmless(name).as_deref(), expected, "{name:?}");
        }
        let long = "\u{e9}".repeat(MAX_NAME_LEN);
        assert_eq!(harmless(&long).unwrap(), "\u{e9}".repeat(127));
    }
}
