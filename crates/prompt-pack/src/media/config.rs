//! Which media a prompt takes.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use media_types::MediaType;
use serde::Deserialize;

use super::limits::MediaLimits;
use super::properties::MediaProperties;
use super::violation::{MediaViolation, MediaViolationKind};
use crate::path::escape_for_display;

/// Which media a prompt takes, and within which limits.
///
/// ```
/// use media_types::Mime;
/// use prompt_pack::{MediaConfig, MediaProperties, MediaViolationKind};
///
/// let mut config = MediaConfig::default();
/// config.supported_types = Some(vec!["image".to_owned()]);
/// config.image.max_size_mb = Some(0.5);
/// let image = MediaProperties::new(&Mime::IMAGE_PNG).with_size(1024 * 1024);
/// let violations = config.check([image]);
/// assert_eq!(violations[0].kind, MediaViolationKind::TooLarge);
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MediaConfig {
    /// Whether media is taken at all. Defaults to true.
    pub enabled: bool,
    /// The types that are taken (`image`, `audio`, `video`, `document`); `None` for all.
    pub supported_types: Option<Vec<String>>,
    /// The limits for images.
    pub image: MediaLimits,
    /// The limits for audio.
    pub audio: MediaLimits,
    /// The limits for video.
    pub video: MediaLimits,
    /// The limits for documents.
    pub document: MediaLimits,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            supported_types: None,
            image: MediaLimits::default(),
            audio: MediaLimits::default(),
            video: MediaLimits::default(),
            document: MediaLimits::default(),
        }
    }
}

impl MediaConfig {
    /// Whether media of this type is taken.
    #[must_use]
    pub fn supports(&self, media_type: MediaType) -> bool {
        let types = self.supported_types.as_ref();
        self.enabled && types.is_none_or(|types| types.iter().any(|one| one == media_type.as_str()))
    }

    /// Returns the limits for a type of media; `None` for a type that packs do not limit.
    #[must_use]
    pub fn limits(&self, media_type: MediaType) -> Option<&MediaLimits> {
        match media_type {
            MediaType::Image => Some(&self.image),
            MediaType::Audio => Some(&self.audio),
            MediaType::Video => Some(&self.video),
            MediaType::Document => Some(&self.document),
            _ => None,
        }
    }

    /// Checks the media items of one message, nested ones included if the caller lists them, and
    /// returns every violation in the order of the items.
    #[must_use]
    pub fn check<'a>(
        &self,
        items: impl IntoIterator<Item = MediaProperties<'a>>,
    ) -> Vec<MediaViolation> {
        let mut violations = Vec::new();
        let mut counts: BTreeMap<MediaType, u64> = BTreeMap::new();
        for (index, item) in items.into_iter().enumerate() {
            let count = counts.entry(item.mime.media_type()).or_default();
            *count += 1;
            let found = self.check_item(&item, *count).into_iter();
            violations.extend(found.map(|(kind, reason)| MediaViolation {
                index,
                kind,
                reason,
            }));
        }
        violations
    }

    fn check_item(
        &self,
        item: &MediaProperties<'_>,
        count: u64,
    ) -> Vec<(MediaViolationKind, String)> {
        use MediaViolationKind as Kind;
        let media_type = item.mime.media_type();
        if !self.enabled {
            return vec![(Kind::Disabled, "the prompt takes no media".to_owned())];
        }
        if !self.supports(media_type) {
            let reason = format!("the prompt takes no media of type {media_type}");
            return vec![(Kind::UnsupportedType, reason)];
        }
        let Some(limits) = self.limits(media_type) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if !limits.allows(item.mime) {
            let listed = limits.allowed_formats.as_deref().unwrap_or_default();
            let listed = escape_for_display(&listed.join(", "));
            let reason = format!("format {} is not among {listed}", item.mime);
            found.push((Kind::UnsupportedFormat, reason));
        }
        if let Some((max, size)) = exceeded(limits.max_bytes(), item.size) {
            let reason = format!("{size} bytes exceed the limit of {max}");
            found.push((Kind::TooLarge, reason));
        }
        if let Some((max, _)) = exceeded(limits.max_per_message.map(NonZeroU64::get), Some(count)) {
            let reason = format!("the message has more than {max} items of type {media_type}");
            found.push((Kind::TooMany, reason));
        }
        let max_duration = limits
            .max_duration_sec
            .map(|max| Duration::from_secs(max.get()));
        if let Some((max, duration)) = exceeded(max_duration, item.duration) {
            let reason = format!("a duration of {duration:?} exceeds the limit of {max:?}");
            found.push((Kind::TooLong, reason));
        }
        if let Some((max, pages)) = exceeded(limits.max_pages.map(NonZeroU64::get), item.pages) {
            let reason = format!("{pages} pages exceed the limit of {max}");
            found.push((Kind::TooManyPages, reason));
        }
        if limits.require_caption && !item.has_caption {
            found.push((Kind::CaptionMissing, "the caption is missing".to_owned()));
        }
        if limits.require_metadata && !item.has_caption && !item.has_metadata {
            let reason = "title and description are missing".to_owned();
            found.push((Kind::MetadataMissing, reason));
        }
        found
    }
}

/// Returns limit and value where both are known and the value is larger.
fn exceeded<T: PartialOrd>(max: Option<T>, value: Option<T>) -> Option<(T, T)> {
    max.zip(value).filter(|(max, value)| value > max)
}

#[cfg(test)]
mod tests {
    use media_types::Mime;
    use serde_json::{Value, json};

    use super::*;
    use crate::read::read;

    fn config(json: Value) -> MediaConfig {
        read(&json).unwrap()
    }

    fn kinds(
        config: &MediaConfig,
        items: &[MediaProperties<'_>],
    ) -> Vec<(usize, MediaViolationKind)> {
        let violations = config.check(items.iter().copied());
        let pairs = violations.iter().map(|one| (one.index, one.kind));
        pairs.collect()
    }

    #[test]
    fn types() {
        use MediaViolationKind::{Disabled, UnsupportedType};
        let image = MediaProperties::new(&Mime::IMAGE_PNG);
        let pdf = MediaProperties::new(&Mime::APPLICATION_PDF);
        for (section, expected) in [
            (json!({"enabled": true}), vec![]),
            (json!({}), vec![]),
            (
                json!({"enabled": null, "supported_types": null, "image": null}),
                vec![],
            ),
            (
                json!({"enabled": true, "supported_types": ["image"]}),
                vec![(1, UnsupportedType)],
            ),
            (
                json!({"supported_types": []}),
                vec![(0, UnsupportedType), (1, UnsupportedType)],
            ),
            (
                json!({"enabled": false}),
                vec![(0, Disabled), (1, Disabled)],
            ),
        ] {
            let found = kinds(&config(section.clone()), &[image, pdf]);
            assert_eq!(found, expected, "{section}");
        }
    }

    #[test]
    fn sizes_and_counts_at_the_limit_and_beyond() {
        let config = config(json!({"image": {"max_size_mb": 2, "max_images_per_msg": 2}}));
        let image = MediaProperties::new(&Mime::IMAGE_PNG);
        let limit = 2 * 1024 * 1024;
        assert_eq!(kinds(&config, &[image.with_size(limit), image]), []);
        assert_eq!(
            kinds(&config, &[image.with_size(limit + 1)]),
            [(0, MediaViolationKind::TooLarge)]
        );
        let pdf = MediaProperties::new(&Mime::APPLICATION_PDF);
        assert_eq!(
            kinds(&config, &[image, pdf, image, pdf, pdf, image]),
            [(5, MediaViolationKind::TooMany)]
        );
    }

    #[test]
    fn captions_metadata_duration_and_pages() {
        let config = config(json!({
            "image": {"require_caption": true},
            "audio": {"max_duration_sec": 10, "require_metadata": true},
            "document": {"max_pages": 3}
        }));
        let mut image = [MediaProperties::new(&Mime::IMAGE_PNG); 2];
        image[1].has_caption = true;
        assert_eq!(
            kinds(&config, &image),
            [(0, MediaViolationKind::CaptionMissing)]
        );
        let mut audio = [MediaProperties::new(&Mime::AUDIO_WAV); 4];
        audio[1].has_caption = true;
        audio[2].has_metadata = true;
        audio[3].has_metadata = true;
        audio[2].duration = Some(Duration::from_secs(10));
        audio[3].duration = Some(Duration::from_millis(10_001));
        assert_eq!(
            kinds(&config, &audio),
            [
                (0, MediaViolationKind::MetadataMissing),
                (3, MediaViolationKind::TooLong)
            ]
        );
        let mut pdf = [MediaProperties::new(&Mime::APPLICATION_PDF); 2];
        (pdf[0].pages, pdf[1].pages) = (Some(3), Some(4));
        assert_eq!(
            kinds(&config, &pdf),
            [(1, MediaViolationKind::TooManyPages)]
        );
    }

    #[test]
    fn a_limit_that_cannot_be_read_is_an_error() {
        for (section, path) in [
            (json!({"image": {"max_size_mb": "10"}}), "image.max_size_mb"),
            (json!({"image": {"max_size_mb": 0}}), "image.max_size_mb"),
            (
                json!({"image": {"max_images_per_msg": 0}}),
                "image.max_images_per_msg",
            ),
            (
                json!({"image": {"allowed_formats": "png"}}),
                "image.allowed_formats",
            ),
            (json!({"image": true}), "image"),
            (json!({"supported_types": "image"}), "supported_types"),
            (json!({"enabled": "yes"}), "enabled"),
            (json!([]), ""),
        ] {
            let mut fault = read::<MediaConfig>(&section).unwrap_err();
            assert_eq!(fault.take_path().to_string(), path, "{section}");
        }
        let later = json!({"examples": [{}], "model3d": {"max_size_mb": 0.5}, "note": "x"});
        assert_eq!(config(later), MediaConfig::default());
    }

    #[test]
    fn content_says_what_it_knows() {
        let content = media_types::MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0; 2048])
            .with_caption("a cat");
        let config = config(json!({"image": {"max_size_mb": 0.001, "require_caption": true}}));
        assert_eq!(
            kinds(&config, &[MediaProperties::from(&content)]),
            [(0, MediaViolationKind::TooLarge)]
        );
    }
}
