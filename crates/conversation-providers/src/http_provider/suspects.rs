//! The media that an error may mean, by its text.

use media_types::MediaType;

use crate::media::{MediaForm, MediaPlan};

/// What an error says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorText<'a> {
    pub(crate) status: u16,
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    /// Whether it names a field that has nothing to do with media: it mentions media by chance.
    pub(crate) is_about_another_field: bool,
}

/// Returns the media of a request that an error may mean, and whether that is certain; `None` for
/// an error that is not about media.
pub(crate) fn suspects_by_text(
    error: ErrorText<'_>,
    plan: &MediaPlan,
) -> Option<(Vec<usize>, bool)> {
    let sent: Vec<usize> = (0..plan.len()).filter(|i| plan.is_sent(*i)).collect();
    let of = |is_so: &dyn Fn(usize) -> bool| -> Vec<usize> {
        sent.iter().copied().filter(|index| is_so(*index)).collect()
    };
    let by_url = of(&|index| match plan.get(index) {
        Some((_, MediaForm::Url(url))) => error.message.contains(url.as_str()),
        _ => false,
    });
    if !by_url.is_empty() {
        return Some((by_url, true));
    }
    if let Some(kind) = kind_mentioned(error).filter(|_| !error.is_about_another_field) {
        let of_kind = of(&|index| {
            plan.get(index)
                .is_some_and(|(content, _)| content.media_type() == kind)
        });
        if !of_kind.is_empty() {
            let is_certain = of_kind.len() == 1;
            return Some((of_kind, is_certain));
        }
    }
    // A request that is too large as a whole: without its largest item it may not be.
    let largest = sent.iter().copied().max_by_key(|index| plan.size(*index))?;
    (error.status == 413).then(|| (vec![largest], false))
}

/// The kind of media that an error mentions.
fn kind_mentioned(error: ErrorText<'_>) -> Option<MediaType> {
    const COMPLAINTS: [&str; 14] = [
        "invalid",
        "unsupport",
        "not support",
        "could not",
        "cannot",
        "unable",
        "fail",
        "too large",
        "exceed",
        "corrupt",
        "download",
        "not valid",
        "malformed",
        "does not represent",
    ];
    const KINDS: [(MediaType, &str); 5] = [
        (MediaType::Image, "image"),
        (MediaType::Audio, "audio"),
        (MediaType::Document, "file"),
        (MediaType::Document, "pdf"),
        (MediaType::Document, "document"),
    ];
    let code = error.code.to_lowercase();
    let message = error.message.to_lowercase();
    let is_complaint = COMPLAINTS.iter().any(|word| message.contains(word));
    let by_code = KINDS.iter().find(|(_, word)| code.contains(word));
    let by_message = || {
        KINDS
            .iter()
            .find(|(_, word)| is_complaint && message.contains(word))
    };
    by_code.or_else(by_message).map(|(kind, _)| *kind)
}
