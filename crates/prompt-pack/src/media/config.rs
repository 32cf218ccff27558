//! Which media a prompt takes.

use std::collections::BTreeMap;
use std::fmt;

use media_types::MediaType;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::limits::MediaLimits;
use super::properties::MediaProperties;
use super::violation::{MediaViolation, MediaViolationKind};
use crate::path::escape_for_display;
use crate::read::read;

/// Which media a prompt takes, and within which limits.
///
/// ```
/// use media_types::{MediaType, Mime};
/// use prompt_pack::{MediaConfig, MediaLimits, MediaProperties, MediaViolationKind};
///
/// let config = MediaConfig::new()
///     .with_supported_types([MediaType::Image])
///     .with_limits(MediaType::Image, MediaLimits::new().with_max_bytes(1024));
/// let image = MediaProperties::new(&Mime::IMAGE_PNG).with_size(2048);
/// let violations = config.check([image]);
/// assert_eq!(violations[0].kind(), MediaViolationKind::TooLarge);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MediaConfig {
    enabled: bool,
    supported: Option<Vec<String>>,
    limits: BTreeMap<String, MediaLimits>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            supported: None,
            limits: BTreeMap::new(),
        }
    }
}

impl MediaConfig {
    /// Creates a config that takes all media.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether media is taken at all. Defaults to true.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets the types that are taken. Defaults to all.
    #[must_use]
    pub fn with_supported_types(mut self, types: impl IntoIterator<Item = MediaType>) -> Self {
        let names = types.into_iter().map(|one| one.as_str().to_owned());
        self.supported = Some(names.collect());
        self
    }

    /// Sets the limits for a type. Defaults to none.
    #[must_use]
    pub fn with_limits(mut self, media_type: MediaType, limits: MediaLimits) -> Self {
        self.limits.insert(media_type.as_str().to_owned(), limits);
        self
    }

    /// Whether media is taken at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether media of this type is taken. A config without a list of types takes all, one with an
    /// empty list none.
    #[must_use]
    pub fn supports(&self, media_type: MediaType) -> bool {
        let is_listed =
            |supported: &Vec<String>| supported.iter().any(|one| one == media_type.as_str());
        self.enabled && self.supported.as_ref().is_none_or(is_listed)
    }

    /// Returns the types that the pack lists, also those that this crate does not know; `None`
    /// where there is no list.
    #[must_use]
    pub fn supported_types(&self) -> Option<&[String]> {
        self.supported.as_deref()
    }

    /// Returns the limits for a type of media.
    #[must_use]
    pub fn limits(&self, media_type: MediaType) -> Option<&MediaLimits> {
        self.limits_named(media_type.as_str())
    }

    /// Returns the limits under a name of the pack, for types that this crate does not know.
    #[must_use]
    pub fn limits_named(&self, name: &str) -> Option<&MediaLimits> {
        self.limits.get(name)
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
            self.check_item(&item, *count, &mut |kind, reason| {
                violations.push(MediaViolation {
                    index,
                    kind,
                    reason,
                });
            });
        }
        violations
    }

    fn check_item(
        &self,
        item: &MediaProperties<'_>,
        count: u64,
        report: &mut dyn FnMut(MediaViolationKind, String),
    ) {
        use MediaViolationKind as Kind;
        let media_type = item.mime.media_type();
        if !self.enabled {
            return report(Kind::Disabled, "the prompt takes no media".to_owned());
        }
        if !self.supports(media_type) {
            return report(
                Kind::UnsupportedType,
                format!("the prompt takes no media of type {media_type}"),
            );
        }
        let Some(limits) = self.limits(media_type) else {
            return;
        };
        if !limits.allows(item.mime) {
            let listed = limits.allowed_formats().unwrap_or_default().join(", ");
            report(
                Kind::UnsupportedFormat,
                format!(
                    "format {} is not among {}",
                    item.mime,
                    escape_for_display(&listed)
                ),
            );
        }
        if let Some((max, size)) = exceeded(limits.max_bytes(), item.size) {
            report(
                Kind::TooLarge,
                format!("{size} bytes exceed the limit of {max}"),
            );
        }
        if let Some((max, _)) = exceeded(limits.max_per_message(), Some(count)) {
            report(
                Kind::TooMany,
                format!("the message has more than {max} items of type {media_type}"),
            );
        }
        if let Some((max, duration)) = exceeded(limits.max_duration(), item.duration) {
            report(
                Kind::TooLong,
                format!("a duration of {duration:?} exceeds the limit of {max:?}"),
            );
        }
        if let Some((max, pages)) = exceeded(limits.max_pages(), item.pages) {
            report(
                Kind::TooManyPages,
                format!("{pages} pages exceed the limit of {max}"),
            );
        }
        if limits.requires_caption() && !item.caption {
            report(Kind::CaptionMissing, "the caption is missing".to_owned());
        }
        if limits.requires_metadata() && !item.caption && !item.metadata {
            report(
                Kind::MetadataMissing,
                "title and description are missing".to_owned(),
            );
        }
    }
}

/// Returns limit and value where both are known and the value is larger.
fn exceeded<T: PartialOrd>(max: Option<T>, value: Option<T>) -> Option<(T, T)> {
    max.zip(value).filter(|(max, value)| value > max)
}

impl<'de> Deserialize<'de> for MediaConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

/// By hand, because later versions of the specification put types of media beside other fields.
struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = MediaConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MediaConfig, A::Error> {
        let mut config = MediaConfig::default();
        while let Some(key) = map.next_key::<String>()? {
            let limits = match key.as_str() {
                "enabled" => {
                    config.enabled = map.next_value::<Option<_>>()?.unwrap_or(true);
                    None
                }
                "supported_types" => {
                    config.supported = map.next_value()?;
                    None
                }
                "examples" => {
                    map.next_value::<IgnoredAny>()?;
                    None
                }
                "image" | "audio" | "video" | "document" => map.next_value()?,
                _ => map.next_value::<UnknownType>()?.0,
            };
            if let Some(limits) = limits {
                config.limits.insert(key, limits);
            }
        }
        Ok(config)
    }
}

/// The limits of a type that this crate does not know. A value that is not an object is a field of
/// a later version.
struct UnknownType(Option<MediaLimits>);

impl<'de> Deserialize<'de> for UnknownType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if !value.is_object() {
            return Ok(Self(None));
        }
        read(&value)
            .map(|limits| Self(Some(limits)))
            .map_err(|mut fault| {
                let path = fault.take_path();
                de::Error::custom(format_args!("{path}: {fault}"))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use media_types::Mime;
    use serde_json::json;

    use super::*;

    fn config(json: Value) -> MediaConfig {
        read(&json).unwrap()
    }

    fn kinds(
        config: &MediaConfig,
        items: &[MediaProperties<'_>],
    ) -> Vec<(usize, MediaViolationKind)> {
        let violations = config.check(items.iter().copied());
        let pairs = violations.iter().map(|one| (one.index(), one.kind()));
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
        let image = MediaProperties::new(&Mime::IMAGE_PNG);
        assert_eq!(
            kinds(&config, &[image, image.with_caption(true)]),
            [(0, MediaViolationKind::CaptionMissing)]
        );
        let audio = MediaProperties::new(&Mime::AUDIO_WAV);
        let second = Duration::from_secs(1);
        assert_eq!(
            kinds(&config, &[audio, audio.with_metadata(true)]),
            [(0, MediaViolationKind::MetadataMissing)]
        );
        let audio = audio.with_metadata(true);
        let long = [
            audio.with_duration(10 * second),
            audio.with_duration(11 * second),
        ];
        assert_eq!(kinds(&config, &long), [(1, MediaViolationKind::TooLong)]);
        let pdf = MediaProperties::new(&Mime::APPLICATION_PDF);
        assert_eq!(
            kinds(&config, &[pdf.with_pages(3), pdf.with_pages(4)]),
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
            (json!({"model3d": {"max_pages": 0}}), "model3d"),
            (json!({"supported_types": "image"}), "supported_types"),
            (json!({"enabled": "yes"}), "enabled"),
            (json!([]), ""),
        ] {
            let mut fault = read::<MediaConfig>(&section).unwrap_err();
            assert_eq!(fault.take_path().to_string(), path, "{section}");
        }
        let section = json!({"examples": [{}], "model3d": {"max_size_mb": 0.5}, "note": "x"});
        let config = config(section);
        let limits = config.limits_named("model3d").unwrap();
        assert_eq!(limits.max_bytes(), Some(512 * 1024));
    }

    #[test]
    fn a_config_in_code_is_the_one_of_a_pack() {
        let pack = config(json!({
            "supported_types": ["image"],
            "image": {"max_size_mb": 1, "allowed_formats": ["png"], "max_images_per_msg": 2}
        }));
        let limits = MediaLimits::new()
            .with_max_bytes(1024 * 1024)
            .with_formats(["png"])
            .with_max_per_message(2);
        let code = MediaConfig::new()
            .with_supported_types([MediaType::Image])
            .with_limits(MediaType::Image, limits);
        assert_eq!(pack, code);
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
