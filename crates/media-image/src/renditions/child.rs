//! What distinguishes a rendition from other media: two tags in its metadata.

use chrono::{DateTime, Utc};
use media_storage::{MediaMetadata, StoredMedia};
use media_types::{MediaContent, Mime, StorageReference};

use crate::profile::{Animation, Profile};
use crate::render::FittedImage;

/// Name of the tag whose value is the id of the original.
pub const PARENT_TAG: &str = "parent";

/// Name of the tag whose value is the size in pixels and the profile.
pub const RENDITION_TAG: &str = "rendition";

/// Version of what is made of an image and a profile.
const VERSION: u32 = 1;

/// Returns the id of the original, if the metadata is that of a rendition.
pub fn parent_of(metadata: &MediaMetadata) -> Option<&str> {
    let tags = metadata.tags();
    tags.get(RENDITION_TAG)?;
    tags.get(PARENT_TAG).map(String::as_str)
}

/// Returns the text by which the renditions of a profile are known.
pub(super) fn profile_key(profile: &Profile) -> String {
    let mut key = format!("v{VERSION} q{}", profile.quality());
    if let Some(edge) = profile.longest_edge() {
        key.push_str(&format!(" edge={edge}"));
    }
    if let Some(bytes) = profile.max_bytes() {
        key.push_str(&format!(" bytes={bytes}"));
    }
    if profile.animation() == Animation::FirstFrame {
        key.push_str(" still");
    }
    for format in profile.formats() {
        key.push(' ');
        key.push_str(format.mime().extension());
    }
    key
}

/// What counts of an original, beside its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Original {
    pub(super) metadata: MediaMetadata,
    pub(super) stored_at: Option<DateTime<Utc>>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl From<StoredMedia> for Original {
    fn from(stored: StoredMedia) -> Self {
        Self {
            stored_at: stored.stored_at,
            expires_at: stored.expires_at(),
            metadata: stored.metadata,
        }
    }
}

/// Returns the metadata of a rendition: that of the original, so that both share scopes and expiry. It
/// belongs to no state store, because no history names it.
pub(super) fn child_metadata(
    original: &Original,
    parent: &str,
    fitted: &FittedImage,
    profile: &str,
) -> MediaMetadata {
    let of = &original.metadata;
    let mut metadata = MediaMetadata::new();
    macro_rules! copy {
        ($($get:ident, $with:ident;)*) => {$(
            if let Some(value) = of.$get() {
                metadata = metadata.$with(value.to_owned());
            }
        )*};
    }
    copy! {
        conversation, with_conversation;
        session, with_session;
        run, with_run;
        user, with_user;
        message_index, with_message_index;
        content_index, with_content_index;
        provider, with_provider;
        retention, with_retention;
    }
    if let Some(name) = of.filename() {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        metadata = metadata.with_filename(format!("{stem}.{}", fitted.format.mime().extension()));
    }
    if let Some(at) = original.expires_at {
        metadata = metadata.with_expires_at(at);
    }
    for (name, value) in of.tags() {
        metadata = metadata.with_tag(name, value);
    }
    let size = format!("{}x{} {profile}", fitted.width, fitted.height);
    metadata
        .with_tag(PARENT_TAG, parent)
        .with_tag(RENDITION_TAG, size)
}

/// A rendition that is stored.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) reference: StorageReference,
    pub(super) mime: Mime,
    pub(super) metadata: MediaMetadata,
}

impl Child {
    /// Whether it is the rendition of an original by a profile, and belongs to the same owners.
    pub(super) fn is_of(&self, parent: &str, profile: &str, original: &Original) -> bool {
        let tag = self.metadata.tags().get(RENDITION_TAG);
        let key = tag.and_then(|tag| tag.split_once(' ')).map(|(_, key)| key);
        let (own, of) = (&self.metadata, &original.metadata);
        parent_of(own) == Some(parent)
            && key == Some(profile)
            && (own.user(), own.conversation()) == (of.user(), of.conversation())
            && (own.session(), own.run()) == (of.session(), of.run())
    }

    /// Returns the content, with its size in pixels.
    pub(super) fn content(self) -> MediaContent {
        let tag = self.metadata.tags().get(RENDITION_TAG);
        let size = tag.and_then(|tag| tag.split(' ').next()?.split_once('x'));
        let size =
            size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let content = MediaContent::from_reference(self.mime, self.reference);
        match size {
            Some((width, height)) => content.with_width(width).with_height(height),
            None => content,
        }
    }
}
