//! The limits a prompt sets for the media of a message.

use std::collections::BTreeMap;
use std::time::Duration;

use media_types::{MediaType, Mime};

use super::error::{PackError, shown};
use super::media_facts::{MediaFacts, MediaViolation, MediaViolationKind};
use super::node::Node;

const BYTES_PER_MB: f64 = 1024.0 * 1024.0;

/// Which media a prompt takes, and within which limits.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    enabled: bool,
    supported: Option<Vec<String>>,
    limits: BTreeMap<String, MediaLimits>,
}

/// The limits for one type of media; `None` is no limit.
#[derive(Clone, Debug, Default)]
pub struct MediaLimits {
    max_bytes: Option<u64>,
    formats: Option<Vec<String>>,
    default_detail: Option<String>,
    require_caption: bool,
    require_metadata: bool,
    max_per_message: Option<u64>,
    max_duration: Option<Duration>,
    max_pages: Option<u64>,
}

impl MediaConfig {
    pub(super) fn read(node: &Node<'_>) -> Result<Self, PackError> {
        let mut limits = BTreeMap::new();
        for (key, node) in node.entries()? {
            let is_known = MEDIA_TYPES
                .iter()
                .any(|media_type| media_type.as_str() == key);
            let is_custom = node.value().is_object()
                && !["enabled", "supported_types", "examples"].contains(&key);
            if (is_known && !node.value().is_null()) || is_custom {
                limits.insert(key.to_owned(), MediaLimits::read(&node)?);
            }
        }
        Ok(Self {
            enabled: node.get_bool("enabled")?.unwrap_or(true),
            supported: node.get_strings("supported_types")?,
            limits,
        })
    }

    /// Whether the prompt takes media at all. Default of a `media` section: true.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether the prompt takes media of this type. A section without `supported_types` takes all; an empty list none.
    #[must_use]
    pub fn supports(&self, media_type: MediaType) -> bool {
        let is_listed =
            |supported: &Vec<String>| supported.iter().any(|one| one == media_type.as_str());
        self.enabled && self.supported.as_ref().is_none_or(is_listed)
    }

    /// The types the pack lists, those this crate does not know included; `None` where there is no list.
    #[must_use]
    pub fn supported_types(&self) -> Option<&[String]> {
        self.supported.as_deref()
    }

    /// The limits for a type of media.
    #[must_use]
    pub fn limits(&self, media_type: MediaType) -> Option<&MediaLimits> {
        self.limits_named(media_type.as_str())
    }

    /// The limits under a name of the pack, for types this crate does not know.
    #[must_use]
    pub fn limits_named(&self, name: &str) -> Option<&MediaLimits> {
        self.limits.get(name)
    }

    /// Checks all media of one message and returns every violation, in the order of the items. What is not known of
    /// an item (size, duration, pages) is not checked.
    #[must_use]
    pub fn check(&self, items: &[MediaFacts<'_>]) -> Vec<MediaViolation> {
        let mut violations = Vec::new();
        let mut counts: BTreeMap<MediaType, u64> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let count = counts.entry(item.mime.media_type()).or_default();
            *count += 1;
            violations.extend(
                self.violations(item, *count)
                    .into_iter()
                    .map(|(kind, message)| MediaViolation {
                        index,
                        kind,
                        message,
                    }),
            );
        }
        violations
    }

    fn violations(&self, item: &MediaFacts<'_>, count: u64) -> Vec<(MediaViolationKind, String)> {
        use MediaViolationKind as Kind;
        let media_type = item.mime.media_type();
        if !self.enabled {
            return vec![(Kind::Disabled, "the prompt takes no media".to_owned())];
        }
        if !self.supports(media_type) {
            return vec![(
                Kind::UnsupportedType,
                format!("the prompt takes no media of the type {media_type}"),
            )];
        }
        let Some(limits) = self.limits(media_type) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some(formats) = &limits.formats
            && !formats.iter().any(|format| is_format(item.mime, format))
        {
            let listed = shown(&formats.join(", "));
            found.push((
                Kind::Format,
                format!("{} is not among the formats {listed}", item.mime),
            ));
        }
        if let (Some(most), Some(size)) = (limits.max_bytes, item.size)
            && size > most
        {
            found.push((
                Kind::TooLarge,
                format!("{size} bytes are more than the {most} that the prompt takes"),
            ));
        }
        if let Some(most) = limits.max_per_message
            && count > most
        {
            found.push((
                Kind::TooMany,
                format!("a message may have {most} items of the type {media_type}"),
            ));
        }
        if let (Some(most), Some(duration)) = (limits.max_duration, item.duration)
            && duration > most
        {
            found.push((
                Kind::TooLong,
                format!("it lasts longer than {} s", most.as_secs()),
            ));
        }
        if let (Some(most), Some(pages)) = (limits.max_pages, item.pages)
            && pages > most
        {
            found.push((
                Kind::TooManyPages,
                format!("{pages} pages are more than the {most} that the prompt takes"),
            ));
        }
        if limits.require_caption && !item.caption {
            found.push((Kind::CaptionMissing, "it needs a caption".to_owned()));
        }
        if limits.require_metadata && !item.caption && !item.metadata {
            found.push((
                Kind::MetadataMissing,
                "it needs a title or a description".to_owned(),
            ));
        }
        found
    }
}

const MEDIA_TYPES: [MediaType; 4] = [
    MediaType::Image,
    MediaType::Audio,
    MediaType::Video,
    MediaType::Document,
];

impl MediaLimits {
    fn read(node: &Node<'_>) -> Result<Self, PackError> {
        let mut max_per_message = None;
        for (key, node) in node.entries()? {
            if key.starts_with("max_")
                && (key.ends_with("_per_msg") || key.ends_with("_per_message"))
            {
                max_per_message = Some(node.positive()?);
            }
        }
        let max_bytes = match node.get("max_size_mb") {
            None => None,
            Some(size) => match size.number()? {
                // The cast saturates, so a limit beyond every size stays one.
                megabytes if megabytes > 0.0 => Some((megabytes * BYTES_PER_MB) as u64),
                _ => return Err(size.error("a size has to be more than 0")),
            },
        };
        Ok(Self {
            max_bytes,
            formats: node.get_strings("allowed_formats")?,
            default_detail: node.get_string("default_detail")?.map(str::to_owned),
            require_caption: node.get_bool("require_caption")?.unwrap_or(false),
            require_metadata: node.get_bool("require_metadata")?.unwrap_or(false),
            max_per_message,
            max_duration: node
                .get_positive("max_duration_sec")?
                .map(Duration::from_secs),
            max_pages: node.get_positive("max_pages")?,
        })
    }

    /// Most bytes of one item, decoded. The pack's `max_size_mb` counts 1,048,576 bytes each.
    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// The formats taken, as the pack writes them: `jpeg`, `jpg`, `.jpg` and `image/jpeg` are the same.
    #[must_use]
    pub fn allowed_formats(&self) -> Option<&[String]> {
        self.formats.as_deref()
    }

    /// Whether media of this MIME type has one of the formats taken.
    #[must_use]
    pub fn allows(&self, mime: &Mime) -> bool {
        self.formats
            .as_ref()
            .is_none_or(|formats| formats.iter().any(|format| is_format(mime, format)))
    }

    /// The detail with which a picture is shown to the model unless the message says otherwise.
    #[must_use]
    pub fn default_detail(&self) -> Option<&str> {
        self.default_detail.as_deref()
    }

    /// Whether every item needs a caption. Default: false.
    #[must_use]
    pub fn requires_caption(&self) -> bool {
        self.require_caption
    }

    /// Whether every item needs a title or a description; a caption counts. Default: false.
    #[must_use]
    pub fn requires_metadata(&self) -> bool {
        self.require_metadata
    }

    /// Most items of the type in one message; from `max_images_per_msg`, or any `max_..._per_msg`.
    #[must_use]
    pub fn max_per_message(&self) -> Option<u64> {
        self.max_per_message
    }

    /// Longest duration of one item.
    #[must_use]
    pub fn max_duration(&self) -> Option<Duration> {
        self.max_duration
    }

    /// Most pages of one document.
    #[must_use]
    pub fn max_pages(&self) -> Option<u64> {
        self.max_pages
    }
}

/// `format` is a subtype (`jpeg`), an extension with or without its dot, or a whole MIME type.
fn is_format(mime: &Mime, format: &str) -> bool {
    let format = format.trim().trim_start_matches('.').to_ascii_lowercase();
    let (top, sub) = mime.as_str().split_once('/').unwrap_or_default();
    let is_mime = |text: &str| text.parse::<Mime>().is_ok_and(|other| other == *mime);
    if format.contains('/') {
        return is_mime(&format);
    }
    sub == format
        || is_mime(&format!("{top}/{format}"))
        || Mime::from_extension(&format).as_ref() == Some(mime)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(json: Value) -> MediaConfig {
        MediaConfig::read(&Node::root(&json)).unwrap()
    }

    fn kinds(config: &MediaConfig, items: &[MediaFacts<'_>]) -> Vec<(usize, MediaViolationKind)> {
        config
            .check(items)
            .iter()
            .map(|violation| (violation.index(), violation.kind()))
            .collect()
    }

    #[test]
    fn types() {
        let image = MediaFacts::new(&Mime::IMAGE_PNG);
        let pdf = MediaFacts::new(&Mime::APPLICATION_PDF);
        for (section, expected) in [
            (json!({"enabled": true}), vec![]),
            (json!({}), vec![]),
            (
                json!({"enabled": true, "supported_types": ["image"]}),
                vec![(1, MediaViolationKind::UnsupportedType)],
            ),
            (
                json!({"supported_types": []}),
                vec![
                    (0, MediaViolationKind::UnsupportedType),
                    (1, MediaViolationKind::UnsupportedType),
                ],
            ),
            (
                json!({"enabled": false}),
                vec![
                    (0, MediaViolationKind::Disabled),
                    (1, MediaViolationKind::Disabled),
                ],
            ),
        ] {
            assert_eq!(
                kinds(&config(section.clone()), &[image, pdf]),
                expected,
                "{section}"
            );
        }
    }

    #[test]
    fn sizes_and_counts_at_the_limit_and_beyond() {
        let config = config(json!({"image": {"max_size_mb": 2, "max_images_per_msg": 2}}));
        let image = MediaFacts::new(&Mime::IMAGE_PNG);
        let limit = 2 * 1024 * 1024;
        assert_eq!(kinds(&config, &[image.with_size(limit), image]), []);
        assert_eq!(
            kinds(&config, &[image.with_size(limit + 1)]),
            [(0, MediaViolationKind::TooLarge)]
        );
        let pdf = MediaFacts::new(&Mime::APPLICATION_PDF);
        assert_eq!(
            kinds(&config, &[image, pdf, image, pdf, pdf, image]),
            [(5, MediaViolationKind::TooMany)]
        );
    }

    #[test]
    fn formats_in_all_their_spellings() {
        let limits = |format: &str| MediaLimits {
            formats: Some(vec![format.to_owned()]),
            ..MediaLimits::default()
        };
        for (format, mime) in [
            ("jpeg", Mime::IMAGE_JPEG),
            ("jpg", Mime::IMAGE_JPEG),
            (".JPG", Mime::IMAGE_JPEG),
            ("image/jpg", Mime::IMAGE_JPEG),
            ("svg", Mime::IMAGE_SVG),
            ("tif", Mime::IMAGE_TIFF),
            ("mp3", Mime::AUDIO_MPEG),
            ("mpeg", Mime::AUDIO_MPEG),
            ("m4a", Mime::AUDIO_MP4),
            ("mp4", Mime::VIDEO_MP4),
            ("mov", Mime::VIDEO_QUICKTIME),
            ("pdf", Mime::APPLICATION_PDF),
            ("docx", Mime::APPLICATION_DOCX),
            ("txt", Mime::TEXT_PLAIN),
        ] {
            assert!(limits(format).allows(&mime), "{format}");
        }
        for (format, mime) in [
            ("png", Mime::IMAGE_JPEG),
            ("mp4", Mime::VIDEO_WEBM),
            ("image/png", Mime::IMAGE_JPEG),
            ("", Mime::IMAGE_PNG),
        ] {
            assert!(!limits(format).allows(&mime), "{format}");
        }
        assert!(!limits("bin").allows(&"application/x-own".parse().unwrap()));
    }

    #[test]
    fn captions_metadata_duration_and_pages() {
        let config = config(json!({
            "image": {"require_caption": true},
            "audio": {"max_duration_sec": 10, "require_metadata": true},
            "document": {"max_pages": 3}
        }));
        let image = MediaFacts::new(&Mime::IMAGE_PNG);
        assert_eq!(
            kinds(&config, &[image, image.with_caption(true)]),
            [(0, MediaViolationKind::CaptionMissing)]
        );
        let audio = MediaFacts::new(&Mime::AUDIO_WAV);
        let second = Duration::from_secs(1);
        assert_eq!(
            kinds(&config, &[audio, audio.with_metadata(true)]),
            [(0, MediaViolationKind::MetadataMissing)]
        );
        let audio = audio.with_metadata(true);
        assert_eq!(
            kinds(
                &config,
                &[
                    audio.with_duration(10 * second),
                    audio.with_duration(11 * second)
                ]
            ),
            [(1, MediaViolationKind::TooLong)]
        );
        let pdf = MediaFacts::new(&Mime::APPLICATION_PDF);
        assert_eq!(
            kinds(&config, &[pdf.with_pages(3), pdf.with_pages(4)]),
            [(1, MediaViolationKind::TooManyPages)]
        );
    }

    #[test]
    fn a_limit_that_cannot_be_read_is_an_error() {
        for section in [
            json!({"image": {"max_size_mb": "10"}}),
            json!({"image": {"max_size_mb": 0}}),
            json!({"image": {"max_images_per_msg": 0}}),
            json!({"image": {"allowed_formats": "png"}}),
            json!({"image": true}),
            json!({"supported_types": "image"}),
            json!({"enabled": "yes"}),
            json!([]),
        ] {
            assert!(
                MediaConfig::read(&Node::root(&section)).is_err(),
                "{section}"
            );
        }
        let examples =
            config(json!({"examples": [{}], "model3d": {"max_size_mb": 0.5}, "note": "x"}));
        assert_eq!(
            examples.limits_named("model3d").unwrap().max_bytes(),
            Some(512 * 1024)
        );
    }
}
