//! The plan of one request.

use std::fmt;

use conversation_types::{OmissionReason, OmittedMedia};
use media_storage::Sha256Hasher;
use media_types::MediaType;

use super::candidate::longest_side;
use super::form::MediaForm;
use super::plan::{MediaPlan, skip_text};
#[cfg(feature = "http-client")]
use crate::planner::{Fingerprint, lower};
use crate::planner::{
    ItemWeight, Limits, Mark, PlannerState, RequestOutline, SentForm, StepWeight, Window,
};

/// The least bytes that stand around an item in a body.
const AROUND: u64 = 24;

/// The plan of one request: the form of each media item, and what the request amounts to.
#[derive(Clone)]
pub struct RequestPlan {
    media: MediaPlan,
    head: u64,
    /// Bytes of words, and the number of items, of each message.
    steps: Vec<(u64, usize)>,
    limits: Limits,
    predicted: u64,
    state: PlannerState,
    hashes: Vec<u64>,
    before: Vec<Option<Mark>>,
    by_bytes: bool,
}

impl RequestPlan {
    pub(super) fn new(media: MediaPlan, outline: &RequestOutline<'_>, limits: Limits) -> Self {
        let steps = outline.steps().iter();
        Self {
            media,
            head: outline.head(),
            steps: steps.map(|step| (step.words, step.media.len())).collect(),
            limits,
            predicted: 0,
            state: PlannerState::default(),
            hashes: Vec::new(),
            before: Vec::new(),
            by_bytes: false,
        }
    }

    /// The plan of an upload, which is compared to nothing.
    pub(crate) fn of_upload(media: MediaPlan) -> Self {
        Self::new(media, &RequestOutline::default(), Limits::default())
    }

    /// Sets what was sent before.
    pub(super) fn after(
        mut self,
        state: PlannerState,
        hashes: Vec<u64>,
        before: Vec<Option<Mark>>,
        by_bytes: bool,
    ) -> Self {
        self.state = state;
        self.hashes = hashes;
        self.before = before;
        self.by_bytes = by_bytes;
        self
    }

    /// Leaves out older media as the limits demand, beyond what is left out already.
    pub(super) fn fit(mut self, skipped: usize) -> Self {
        // An item that would never fit goes by itself, and not with all that is older.
        if let Some(limit) = self.limits.bytes {
            for index in skipped..self.media.len() {
                if self.head.saturating_add(self.media.len_in_body(index)) > limit {
                    self.media.omit(index, OmissionReason::TooLarge, TOO_LARGE);
                }
            }
        }
        let window = self.window(0, skipped);
        self.apply(window);
        self
    }

    /// Returns the form of each media item.
    pub fn media(&self) -> &MediaPlan {
        &self.media
    }

    /// Returns the form of each media item, and forgets the rest.
    pub fn into_media(self) -> MediaPlan {
        self.media
    }

    pub(crate) fn media_mut(&mut self) -> &mut MediaPlan {
        &mut self.media
    }

    /// Returns the bytes of the whole body, words included: an estimate until the body is written,
    /// exact from then on.
    pub fn predicted_bytes(&self) -> u64 {
        self.predicted
    }

    /// Returns the number of media items that are sent.
    pub fn sent_items(&self) -> usize {
        self.media.sent()
    }

    /// Returns the index of the first media item whose part of the request differs from the last
    /// request that was accepted, or stood elsewhere; `None` if nothing that was sent differs, or
    /// nothing is known of that request.
    pub fn first_difference(&self) -> Option<usize> {
        let marks = self.marks();
        let mut pairs = self.before.iter().zip(&marks);
        pairs.position(|(before, now)| before.is_some_and(|before| before != *now))
    }

    /// Returns whether anything is known of the last request that was accepted.
    pub fn knows_before(&self) -> bool {
        self.before.iter().any(Option::is_some)
    }

    /// Returns the state to keep once the server has accepted the request.
    pub fn state(&self) -> PlannerState {
        let mut state = self.state.clone();
        state.set_sent(self.marks(), self.by_bytes);
        state
    }

    /// Takes the exact length of the body, written by this plan. Where it is above the cap, older
    /// media is left out; returns whether the body has to be written again.
    pub(crate) fn refit(&mut self, len: u64) -> bool {
        let limit = self.limits.bytes.unwrap_or(u64::MAX);
        let excess = len.saturating_sub(limit);
        let missing = len.saturating_sub(self.predicted);
        if excess == 0 || self.media.sent_bytes() == 0 {
            self.predicted = len;
            return false;
        }
        let before = self.media.sent();
        let window = self.window(missing, self.skipped());
        self.apply(window);
        if self.media.sent() == before {
            self.media.omit_oldest(excess, OmissionReason::TooLarge);
        }
        true
    }

    #[cfg(feature = "http-client")]
    pub(crate) fn state_mut(&mut self) -> &mut PlannerState {
        &mut self.state
    }

    /// Leaves out all images but the newest.
    #[cfg(feature = "http-client")]
    pub(crate) fn keep_newest_images(&mut self, most: usize) {
        self.limits.images = lower(self.limits.images, Some(most));
        let window = self.window(0, self.skipped());
        self.apply(window);
    }

    /// Leaves out all media of older messages, where an item of the newest with media is most of a body that is too
    /// large for the server: the request is about that one. Returns whether there was any.
    #[cfg(feature = "http-client")]
    pub(crate) fn omit_older_bytes(&mut self) -> bool {
        let most = self.predicted / 5 * 3;
        let newest = self.steps.iter().rfind(|(_, items)| *items > 0);
        let len = self.media.len();
        let first = len.saturating_sub(newest.map_or(0, |(_, items)| *items));
        let has = |mut items: std::ops::Range<usize>, bytes: u64| {
            items.any(|item| self.media.is_sent(item) && self.media.len_in_body(item) > bytes)
        };
        if !has(first..len, most) || !has(0..first, 0) {
            return false;
        }
        let missing = self.window(0, self.skipped()).bytes;
        let refused = self.predicted;
        let missing = refused.saturating_sub(missing);
        let window = Window {
            by_bytes: true,
            ..self.window(missing, first)
        };
        self.apply(window);
        // Which sizes between the two are taken is not known, and the next request is larger than this one.
        let between = self.predicted + refused.saturating_sub(self.predicted) / 2;
        self.limits.bytes = lower(self.limits.bytes, Some(between));
        true
    }

    /// Leaves out media of a body that is too large for the server, although it is within all that is known: an
    /// item that is most of it, else older media until half of it is left.
    #[cfg(feature = "http-client")]
    pub(crate) fn halve_bytes(&mut self) {
        let (half, most) = (self.predicted / 2, self.predicted / 5 * 3);
        let sent = (0..self.media.len()).filter(|index| self.media.is_sent(*index));
        let largest = sent.max_by_key(|index| self.media.len_in_body(*index));
        if let Some(largest) = largest.filter(|index| self.media.len_in_body(*index) > most) {
            // In the next request too it does not fit, and nothing else has to make room for it.
            self.media
                .omit(largest, OmissionReason::TooLarge, TOO_LARGE);
            self.limits.bytes = lower(self.limits.bytes, Some(most));
            return;
        }
        let missing = self.window(0, self.skipped()).bytes;
        let missing = self.predicted.saturating_sub(missing);
        self.limits.bytes = lower(self.limits.bytes, Some(half));
        let window = self.window(missing, self.skipped());
        self.apply(window);
    }

    /// Returns the most bytes that the request may have, as far as that is known.
    #[cfg(feature = "http-client")]
    pub(crate) fn max_bytes(&self) -> Option<u64> {
        self.limits.bytes
    }

    /// Takes the items that were left out of a request which was accepted, since one of them may be
    /// refused, and settles what was known of earlier ones.
    #[cfg(feature = "http-client")]
    pub(crate) fn resolve_suspects(&mut self, found: Vec<Fingerprint>) {
        let known = self.state.suspects();
        // One half was tried again, and what of it is refused has been found.
        let mut left = known.get(known.len() / 2..).unwrap_or_default().to_vec();
        left.retain(|item| !found.contains(item));
        left.extend(found);
        match left.as_slice() {
            [one] => {
                let one = *one;
                self.state.set_suspects(Vec::new());
                self.state.add_refused(one);
            }
            _ => self.state.set_suspects(left),
        }
    }

    /// Returns whether an item went out in the last request that was accepted.
    #[cfg(feature = "http-client")]
    pub(crate) fn was_accepted(&self, index: usize) -> bool {
        use SentForm::{Bytes, File, Url};
        let mark = self.before.get(index).copied().flatten();
        mark.and_then(Mark::form)
            .is_some_and(|form| matches!(form, Bytes | File | Url))
    }

    /// The number of items at the beginning that are left out.
    fn skipped(&self) -> usize {
        let is_skipped = |index: &usize| self.media.is_skipped(*index);
        let last = (0..self.media.len()).rfind(is_skipped);
        last.map_or(0, |index| index + 1)
    }

    fn window(&self, missing: u64, skipped: usize) -> Window {
        let mut index = 0;
        let mut steps = Vec::with_capacity(self.steps.len());
        for (words, items) in &self.steps {
            let weights = (index..index + items).map(|index| self.weight(index));
            steps.push(StepWeight {
                words: *words,
                items: weights.collect(),
            });
            index += items;
        }
        Window::of(
            self.head.saturating_add(missing),
            &steps,
            self.limits,
            skipped,
        )
    }

    fn weight(&self, index: usize) -> ItemWeight {
        let Some((content, form)) = self.media.get(index) else {
            return ItemWeight::default();
        };
        let can_be_sent = !matches!(form, MediaForm::Omitted(_));
        let text = match form {
            MediaForm::Omitted(omitted) => omitted.text(),
            _ => OmittedMedia::new(content, OmissionReason::TooMany, skip_text()).text(),
        };
        let is_image = content.media_type() == MediaType::Image;
        let max_side = self.limits.many.map_or(u32::MAX, |many| many.max_side);
        let bytes = match form {
            MediaForm::Url(url) => url.as_str().len() as u64,
            MediaForm::ProviderFile(file) => file.id().len() as u64,
            _ => self.media.len_in_body(index),
        };
        ItemWeight {
            bytes: bytes + AROUND,
            text: text.len() as u64 + AROUND,
            can_be_sent,
            is_image,
            is_oversize: is_image && longest_side(content) > max_side,
        }
    }

    fn apply(&mut self, window: Window) {
        for index in 0..window.skipped {
            if self.media.is_sent(index) {
                self.media.skip(index, window.by_bytes);
            }
        }
        self.predicted = window.bytes;
    }

    fn marks(&self) -> Vec<Mark> {
        let marks = self.hashes.iter().enumerate().map(|(index, hash)| {
            let (form, text) = match self.media.get(index) {
                Some((_, MediaForm::Url(url))) => (SentForm::Url, url.as_str().to_owned()),
                Some((_, MediaForm::ProviderFile(file))) => (SentForm::File, file.id().to_owned()),
                Some((_, MediaForm::Base64 { mime, size } | MediaForm::Upload { mime, size })) => {
                    let text = match self.media.is_fitted(index) {
                        true => format!("{mime} {size}"),
                        false => mime.to_string(),
                    };
                    (SentForm::Bytes, text)
                }
                Some((_, MediaForm::Omitted(omitted))) => {
                    let form = match self.media.is_skipped(index) {
                        true => SentForm::Skipped {
                            by_bytes: omitted.reason == OmissionReason::TooLarge,
                        },
                        false => SentForm::Omitted,
                    };
                    (form, omitted.text())
                }
                None => (SentForm::Omitted, String::new()),
            };
            mark_of(*hash, form, &text)
        });
        marks.collect()
    }
}

/// The reason for media that does not fit into any request.
const TOO_LARGE: &str = "it is larger than a request to this provider may be";

/// Returns the mark of an item that went out in a form, as this text.
pub(super) fn mark_of(item: u64, form: SentForm, text: &str) -> Mark {
    let digest = Sha256Hasher::digest(text.as_bytes());
    let start = digest.as_bytes().first_chunk::<8>();
    let text = start.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    Mark::new(item, form, text)
}

impl fmt::Debug for RequestPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestPlan")
            .field("media", &self.media)
            .field("predicted_bytes", &self.predicted)
            .finish_non_exhaustive()
    }
}
