//! The forms in which one media item may go out.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use conversation_types::OmissionReason;
use media_storage::SignedUrlOptions;
use media_types::{MediaContent, MediaSource, MediaType, MediaUrl, Mime};

use super::context::{MediaContext, SignedUrls};
use super::fitting::ImageNeeds;
use super::form::MediaForm;
use super::host;
use super::lookup::{FetchBudget, Found, look_up};
use super::plan::PlannedItem;
use crate::capability::{AcceptedForm, ApiCapabilities};
use crate::pcm::{PcmFormat, WAV_HEADER};
use crate::planner::SentForm;

/// What one media item can go out as.
#[derive(Debug)]
pub(super) enum Candidate {
    /// In one form only, or not at all.
    Fixed(PlannedItem),
    /// As a signed URL, or by its bytes.
    Signed {
        content: MediaContent,
        url: MediaUrl,
        /// Whether the URL stays equal for as long as the API keeps the beginning of a request.
        is_stable: bool,
        bytes: Option<MediaForm>,
        /// Whether the API takes it by the id of a file.
        takes_file: bool,
        is_fitted: bool,
    },
}

impl Candidate {
    /// Returns the signed URL.
    pub(super) fn signed_url(&self) -> Option<&MediaUrl> {
        match self {
            Self::Signed { url, .. } => Some(url),
            Self::Fixed(_) => None,
        }
    }

    /// Chooses the form: the one in which the item went out before, as far as it can; else the URL
    /// where it stays equal. Where `by_bytes`, no URL is used that can be avoided.
    pub(super) fn choose(self, before: Option<SentForm>, by_bytes: bool) -> PlannedItem {
        let (content, url, is_stable, bytes, takes_file, is_fitted) = match self {
            Self::Fixed(item) => return item,
            Self::Signed {
                content,
                url,
                is_stable,
                bytes,
                takes_file,
                is_fitted,
            } => (content, url, is_stable, bytes, takes_file, is_fitted),
        };
        let prefers_url = match before {
            Some(SentForm::Url) => true,
            Some(SentForm::Bytes) => false,
            _ => is_stable,
        };
        let item = match bytes {
            Some(form) if by_bytes || !prefers_url => {
                PlannedItem::new(content, form).with_file_taken(takes_file)
            }
            bytes => PlannedItem::new(content, MediaForm::Url(url)).with_fallback(bytes),
        };
        item.with_fitted(is_fitted)
    }
}

/// What items are looked up for.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) provider: String,
    pub(super) api: Arc<ApiCapabilities>,
    pub(super) budget: FetchBudget,
    /// Whether signed URLs are of use.
    pub(super) sign: bool,
    /// Longest side of images, where the API limits it because of their number.
    pub(super) side_of_many: Option<u32>,
}

impl Lookup {
    /// Looks up an item.
    pub(super) async fn candidate(self, media: MediaContext, content: MediaContent) -> Candidate {
        let provider = self.provider.as_str();
        let omit = |reason, detail: String| {
            Candidate::Fixed(PlannedItem::omitted(content.clone(), reason, detail))
        };
        let declared = self.api.rule_for(content.mime(), content.media_type());
        match content.source() {
            MediaSource::ProviderFile(file) => {
                let is_accepted =
                    declared.is_some_and(|rule| rule.accepts(AcceptedForm::ProviderFile));
                return if file.provider() == provider && is_accepted {
                    let form = MediaForm::ProviderFile(file.clone());
                    Candidate::Fixed(PlannedItem::new(content, form))
                } else {
                    let detail = format!("it is kept at {} and cannot be sent", file.provider());
                    omit(OmissionReason::Unsupported, detail)
                };
            }
            MediaSource::Url(url)
                if declared.is_some_and(|rule| rule.accepts(AcceptedForm::Url)) =>
            {
                let form = MediaForm::Url(url.clone());
                return Candidate::Fixed(PlannedItem::new(content, form));
            }
            _ => {}
        }
        let found = match look_up(media.loader(), &content, &self.budget).await {
            Ok(found) => found,
            Err(missing) => return omit(missing.reason, missing.detail.to_owned()),
        };
        let fitted = self.fitted(&media, &content, &found).await;
        let is_fitted = fitted.is_some();
        let (content, found) = fitted.unwrap_or((content, found));
        let omit = |reason, detail: String| {
            Candidate::Fixed(PlannedItem::omitted(content.clone(), reason, detail))
        };
        let (mime, size, wrapped) = self.as_sent(&content, found.mime, found.size);
        let rule = self.api.rule_for(&mime, mime.media_type());
        let Some(rule) = rule.filter(|rule| !rule.accepts_nothing()) else {
            let detail = format!("{provider} does not accept {mime}");
            return omit(OmissionReason::Unsupported, detail);
        };
        if found.size == 0 {
            return omit(OmissionReason::Unavailable, "it is empty".to_owned());
        }
        if rule.max_item_bytes.is_some_and(|limit| size > limit) {
            let detail = format!("it is too large for {provider}");
            return omit(OmissionReason::TooLarge, detail);
        }
        if rule
            .max_side
            .is_some_and(|limit| longest_side(&content) > limit)
        {
            let detail = format!("its sides are longer than {provider} accepts");
            return omit(OmissionReason::TooLarge, detail);
        }
        // Only what is sent with the request is wrapped on its way.
        let takes_file = wrapped.is_none() && rule.accepts(AcceptedForm::ProviderFile);
        let bytes = if rule.accepts(AcceptedForm::Base64) {
            Some(MediaForm::Base64 { mime, size })
        } else if rule.accepts(AcceptedForm::Upload) {
            Some(MediaForm::Upload { mime, size })
        } else {
            None
        };
        if rule.accepts(AcceptedForm::Url)
            && wrapped.is_none()
            && (self.sign || bytes.is_none())
            && let Some((url, is_stable)) = signed_url(&media, &self.api, &content).await
        {
            return Candidate::Signed {
                content,
                url,
                is_stable,
                bytes,
                takes_file,
                is_fitted,
            };
        }
        match bytes {
            Some(form) => {
                let item = PlannedItem::new(found.fetched.unwrap_or(content), form);
                let item = item.with_file_taken(takes_file).with_fitted(is_fitted);
                Candidate::Fixed(item.with_wrapped(wrapped))
            }
            None => {
                let detail = format!("{provider} does not accept it in this form");
                omit(OmissionReason::Unsupported, detail)
            }
        }
    }
}

/// Types of images that are made where another does not fit.
const FITTED_TYPES: [Mime; 4] = [
    Mime::IMAGE_PNG,
    Mime::IMAGE_JPEG,
    Mime::IMAGE_WEBP,
    Mime::IMAGE_GIF,
];

impl Lookup {
    /// Returns the type and size that media has on its way, and the format of raw audio that is wrapped as
    /// WAV since the API takes no raw audio.
    fn as_sent(
        &self,
        content: &MediaContent,
        mime: Mime,
        size: u64,
    ) -> (Mime, u64, Option<PcmFormat>) {
        let is_taken = |mime: &Mime| {
            let rule = self.api.rule(mime);
            rule.is_some_and(|rule| rule.accepts(AcceptedForm::Base64))
        };
        let raw = PcmFormat::of(content).filter(|_| *content.mime() == mime && size > 0);
        match raw.filter(|_| !self.api.accepts(&mime) && is_taken(&Mime::AUDIO_WAV)) {
            None => (mime, size, None),
            wrapped => (Mime::AUDIO_WAV, size.saturating_add(WAV_HEADER), wrapped),
        }
    }

    /// Returns the image that is sent in place of one that does not fit, or may not.
    async fn fitted(
        &self,
        media: &MediaContext,
        content: &MediaContent,
        found: &Found,
    ) -> Option<(MediaContent, Found)> {
        let fitter = media.image_fitter()?;
        if found.mime.media_type() != MediaType::Image || found.size == 0 {
            return None;
        }
        let needs = self.needs(&found.mime)?;
        if needs.are_met_by(&found.mime, found.size, longest_side(content)) {
            return None;
        }
        let image = found.fetched.as_ref().unwrap_or(content);
        let fitted = fitter.fit(image, &needs, media.scope()).await?;
        let found = look_up(media.loader(), &fitted, &self.budget).await.ok()?;
        Some((fitted, found))
    }

    /// Returns what an image must be like to be sent by its bytes.
    fn needs(&self, mime: &Mime) -> Option<ImageNeeds> {
        let by_bytes = |mime: &Mime| {
            let rule = self.api.rule(mime)?;
            let accepts = rule.accepts(AcceptedForm::Base64) || rule.accepts(AcceptedForm::Upload);
            accepts.then_some(rule)
        };
        let mut mimes = FITTED_TYPES.to_vec();
        mimes.retain(|mime| by_bytes(mime).is_some());
        let rule = by_bytes(mime).or_else(|| by_bytes(mimes.first()?))?;
        let sides = [rule.max_side, self.side_of_many];
        let needs = ImageNeeds::new(mimes)
            .with_max_bytes(rule.max_item_bytes)
            .with_max_side(sides.into_iter().flatten().min());
        Some(needs)
    }
}

/// Returns the longest side of an image in pixels; 0 where it is not known.
pub(super) fn longest_side(content: &MediaContent) -> u32 {
    let sides = [content.width(), content.height()];
    sides.into_iter().flatten().max().unwrap_or_default()
}

/// Returns a signed URL of stored media, and whether it stays equal for as long as the API keeps
/// the beginning of a request.
async fn signed_url(
    media: &MediaContext,
    api: &ApiCapabilities,
    content: &MediaContent,
) -> Option<(MediaUrl, bool)> {
    if media.signed_urls() == SignedUrls::Never || content.reference().is_none() {
        return None;
    }
    let kept_for = api.cache_lifetime();
    // Stores sign as of the start of a window that is half as long as the validity: the window is
    // twice as long as the cache, so that half of all URLs outlive it.
    let validity = kept_for.saturating_mul(4);
    let options = SignedUrlOptions::new().with_validity(validity);
    // A URL that cannot be signed is no failure: the bytes can be sent.
    let signed = media.loader().url(content, options).await.ok()??;
    let equal_until = signed.expires_at() - delta(validity / 2);
    let is_stable = equal_until - Utc::now() >= delta(kept_for);
    host::is_public(signed.url()).then(|| (signed.url().clone(), is_stable))
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
