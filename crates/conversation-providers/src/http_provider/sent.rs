//! What a plan sends.

use media_types::MediaType;

use super::complaint::kind_at;
use crate::media::{MediaForm, MediaPlan, RequestPlan};

/// The items that go out.
pub(super) fn sent(plan: &MediaPlan) -> Vec<usize> {
    (0..plan.len())
        .filter(|index| plan.is_sent(*index))
        .collect()
}

/// The items of a kind, whether they go out or not.
pub(super) fn of_kind(plan: &MediaPlan, kind: MediaType) -> Vec<usize> {
    (0..plan.len())
        .filter(|index| kind_at(plan, *index) == Some(kind))
        .collect()
}

/// Whether media of a kind was taken in this conversation, or may have been before it was too much.
pub(super) fn was_taken(kind: MediaType, plan: &RequestPlan) -> bool {
    let mut items = of_kind(plan.media(), kind).into_iter();
    items.any(|index| plan.was_accepted(index) || plan.media().is_skipped(index))
}

/// The items that go out, and whether as a URL: requests that agree in this are equal.
pub(super) fn forms(plan: &MediaPlan) -> Vec<(usize, bool)> {
    let is_url = |index: usize| matches!(plan.get(index), Some((_, MediaForm::Url(_))));
    sent(plan)
        .into_iter()
        .map(|index| (index, is_url(index)))
        .collect()
}

/// Sends bytes in place of signed URLs; returns whether there were any.
pub(super) fn replace_urls(plan: &mut MediaPlan, items: &[usize]) -> bool {
    let replaced = items
        .iter()
        .filter(|index| plan.replace_url_by_bytes(**index));
    replaced.count() > 0
}
