//! The choice of a form for each media item of a request.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use conversation_types::OmissionReason;
use futures_util::stream::{self, StreamExt};
use media_types::{MediaContent, MediaType};

use super::candidate::{Candidate, Lookup};
use super::context::{MediaContext, SignedUrls};
use super::identity::{hash_inline, media_identity};
use super::lookup::FetchBudget;
use super::plan::{MediaPlan, PlannedItem};
use super::request_plan::{RequestPlan, mark_of};
use crate::capability::ApiCapabilities;
use crate::planner::{
    Fingerprint, Limits, Mark, PlannerState, RequestOutline, SentForm, ServerFacts,
};

/// Items that are looked up at once.
const LOOKUPS: usize = 16;

/// Bytes of fetched media of a request that are held until they are sent.
const FETCH_BUDGET: u64 = 4 * 1024 * 1024;

/// A planner of requests: it decides in which form each media item of a conversation goes to a
/// model, so that the request stays below every cap of the API and begins like the one before.
///
/// - No cap is exceeded: bytes of the whole body, words included, the number of items and of
///   images, the size and the dimensions of an item. Only words alone may be too long.
/// - An item keeps the form in which it was sent. A signed URL is used where it stays equal for as
///   long as the API keeps the beginning of requests; once one has changed, media of the
///   conversation goes by its bytes.
/// - An image that does not fit is replaced by one that does, where the context has an
///   [`ImageFitter`](super::ImageFitter).
/// - Where a cap is reached, older media goes in one step that leaves room for five messages like
///   the newest: at least a quarter of the cap, at most half of it. Then nothing changes for a
///   while.
/// - The same conversation and the same state give the same plan.
///
/// Providers plan by themselves, with the state that the
/// [`MediaContext`](MediaContext::with_planner_store) keeps.
///
/// ```
/// use conversation_providers::{Capabilities, MediaContext, RequestOutline, RequestPlanner};
/// use media_types::{MediaContent, Mime};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let api = Capabilities::builtin().api("anthropic.messages").unwrap_or_default();
/// let image = MediaContent::from_bytes(Mime::IMAGE_PNG, b"\x89PNG\r\n\x1a\n".to_vec());
/// let mut outline = RequestOutline::new(500);
/// outline.push(100, [&image]);
/// let plan = RequestPlanner::new("anthropic", api).plan(&outline, &MediaContext::default()).await;
/// assert_eq!(plan.sent_items(), 1);
/// // Kept until the next request, once the server has accepted this one.
/// let state = plan.state();
/// # let _ = state;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequestPlanner {
    provider: String,
    api: Arc<ApiCapabilities>,
    budget: Limits,
    state: PlannerState,
    facts: ServerFacts,
    refused: BTreeSet<usize>,
}

impl RequestPlanner {
    /// Creates a planner of requests to a provider, whose API accepts this of the model.
    pub fn new(provider: impl Into<String>, api: Arc<ApiCapabilities>) -> Self {
        Self {
            provider: provider.into(),
            api,
            budget: Limits::default(),
            state: PlannerState::default(),
            facts: ServerFacts::default(),
            refused: BTreeSet::new(),
        }
    }

    /// Sets the state after the last request that was accepted. Defaults to that of a new
    /// conversation.
    #[must_use]
    pub fn with_state(mut self, state: PlannerState) -> Self {
        self.state = state;
        self
    }

    /// Sets the most bytes of a request, where that is less than the API accepts. Defaults to what
    /// it accepts.
    #[must_use]
    pub fn with_max_request_bytes(mut self, bytes: u64) -> Self {
        self.budget.bytes = Some(bytes);
        self
    }

    /// Sets the most media items of a request, where that is fewer than the API accepts. Defaults
    /// to what it accepts.
    #[must_use]
    pub fn with_max_items(mut self, items: usize) -> Self {
        self.budget.items = Some(items);
        self
    }

    /// Adds what the process knows of the server.
    #[cfg(feature = "http-client")]
    pub(crate) fn with_facts(mut self, facts: &ServerFacts) -> Self {
        self.facts.merge(facts);
        self
    }

    /// Sets the items that the process knows as refused.
    #[cfg(feature = "http-client")]
    pub(crate) fn with_refused(mut self, refused: BTreeSet<usize>) -> Self {
        self.refused = refused;
        self
    }

    /// Plans a request.
    ///
    /// Type, size and presence of the items are looked up, sixteen at a time; no bytes are read but
    /// those of remote media that the provider does not fetch itself. Of these up to 4 MiB are kept
    /// until they are sent; the rest is fetched once more then. Items that were left out of the
    /// last request are not looked up. An [`ImageFitter`](super::ImageFitter) may read images.
    /// Inline bytes are hashed, each item and its clones once, and beside the tasks of the runtime
    /// where they are more than 1 MiB.
    pub async fn plan(&self, outline: &RequestOutline<'_>, media: &MediaContext) -> RequestPlan {
        let now = unix_now();
        let contents: Vec<&MediaContent> = outline.media().collect();
        hash_inline(&contents).await;
        let identities: Vec<Option<Fingerprint>> =
            contents.iter().map(|item| fingerprint(item)).collect();
        let hashes = identities.iter();
        let hashes: Vec<u64> = hashes
            .map(|item| item.map_or(0, Fingerprint::number))
            .collect();
        let before = self.state.sent(&hashes);
        let (skipped, by_bytes) = PlannerState::skipped(&before);
        let excluded = self.excluded(&contents, &identities, now);
        let candidates = self
            .look_up(&contents, &before, skipped, &excluded, media)
            .await;
        let urls_changed = candidates.iter().zip(&before).zip(&hashes);
        let mut urls_changed = urls_changed.filter_map(|((candidate, mark), hash)| {
            let url = candidate.as_ref()?.signed_url()?;
            let mark = (*mark)?;
            let same = mark_of(*hash, SentForm::Url, url.as_str());
            Some(mark.form() == Some(SentForm::Url) && mark != same)
        });
        let by_bytes_only = self.state.is_by_bytes() || urls_changed.any(|changed| changed);
        let items = contents
            .iter()
            .zip(candidates)
            .zip(before.iter().zip(excluded));
        let items = items.map(|((content, candidate), (mark, excluded))| match candidate {
            Some(candidate) => {
                let item = candidate.choose(mark.and_then(Mark::form), by_bytes_only);
                item.of(content)
            }
            None => match excluded {
                Some((reason, detail)) => PlannedItem::omitted((*content).clone(), reason, detail),
                None => PlannedItem::skipped((*content).clone(), by_bytes),
            },
        });
        let items = items.collect();
        let mut limits = self.api.limits().and(self.budget);
        let facts = |facts: &ServerFacts| Limits {
            bytes: facts.max_bytes(now),
            images: facts.max_images(now),
            ..Limits::default()
        };
        limits = limits
            .and(facts(&self.facts))
            .and(facts(self.state.facts()));
        RequestPlan::new(MediaPlan::new(items), outline, limits)
            .after(self.state.clone(), hashes, before, by_bytes_only)
            .fit(skipped)
    }

    /// The items that are not to be sent, with the reason.
    fn excluded(
        &self,
        contents: &[&MediaContent],
        identities: &[Option<Fingerprint>],
        now: u64,
    ) -> Vec<Option<(OmissionReason, String)>> {
        let takes_none = |kind: MediaType| {
            self.facts.takes_none_of(kind, now) || self.state.facts().takes_none_of(kind, now)
        };
        let (refused, suspects) = (self.state.refused(), self.state.suspects());
        // One half is tried, so that what is refused is found within a few turns.
        let held_back = suspects.get(suspects.len() / 2..).unwrap_or_default();
        let items = contents.iter().zip(identities).enumerate();
        let excluded = items.map(|(index, (content, identity))| {
            let kind = content.media_type();
            if takes_none(kind) {
                let detail = format!("{} takes no {}", self.provider, plural(kind));
                return Some((OmissionReason::Unsupported, detail));
            }
            let is_in = |list: &[Fingerprint]| identity.is_some_and(|item| list.contains(&item));
            let is_refused = self.refused.contains(&index) || is_in(refused) || is_in(held_back);
            is_refused.then(|| (OmissionReason::Refused, refused_by(&self.provider)))
        });
        excluded.collect()
    }

    async fn look_up(
        &self,
        contents: &[&MediaContent],
        before: &[Option<Mark>],
        skipped: usize,
        excluded: &[Option<(OmissionReason, String)>],
        media: &MediaContext,
    ) -> Vec<Option<Candidate>> {
        let images = contents
            .iter()
            .filter(|item| item.media_type() == MediaType::Image);
        let images = images.count();
        // Counted are all images of the conversation, also those that are left out: the count only grows,
        // so that an image does not change back.
        let many = self.api.limits().many.filter(|many| images > many.above);
        let lookup = Lookup {
            provider: self.provider.clone(),
            api: Arc::clone(&self.api),
            budget: FetchBudget::new(FETCH_BUDGET),
            sign: media.signed_urls() != SignedUrls::Never && !self.state.is_by_bytes(),
            side_of_many: many.map(|many| many.max_side),
        };
        let items = contents.iter().zip(before).zip(excluded).enumerate();
        let lookups: Vec<_> = items
            .map(|(index, ((content, mark), excluded))| {
                let was_omitted = mark.and_then(Mark::form) == Some(SentForm::Omitted);
                let is_needed = excluded.is_none() && (index >= skipped || was_omitted);
                let (lookup, media) = (lookup.clone(), media.clone());
                let content = is_needed.then(|| (*content).clone());
                async move { Some(lookup.candidate(media, content?).await) }
            })
            .collect();
        stream::iter(lookups).buffered(LOOKUPS).collect().await
    }
}

/// Returns the detail of media that a provider refuses.
pub(crate) fn refused_by(provider: &str) -> String {
    format!("it was refused by {provider}")
}

/// Returns what a media item is remembered by.
pub(crate) fn fingerprint(content: &MediaContent) -> Option<Fingerprint> {
    media_identity(content).map(|identity| Fingerprint::of(identity.as_bytes()))
}

/// Returns the time in seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    u64::try_from(Utc::now().timestamp()).unwrap_or_default()
}

fn plural(kind: MediaType) -> &'static str {
    match kind {
        MediaType::Image => "images",
        MediaType::Audio => "audio",
        MediaType::Video => "videos",
        _ => "documents",
    }
}

impl MediaContext {
    /// Decides the form of each media item of a request that holds nothing else, such as an upload.
    pub async fn plan<'a>(
        &self,
        provider: &str,
        api: &Arc<ApiCapabilities>,
        media: impl IntoIterator<Item = &'a MediaContent>,
    ) -> MediaPlan {
        let mut outline = RequestOutline::new(0);
        outline.push(0, media);
        let planner = RequestPlanner::new(provider, Arc::clone(api));
        planner.plan(&outline, self).await.into_media()
    }
}
