//! The media that an error may mean, by its text.

use super::complaint::{by_words, kind_at};
use super::failure::Complaint;
use super::said::Said;
use super::wording::wording;
use crate::media::MediaPlan;

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
    let said = Said::new(error.code, error.message);
    let found = wording(error.status, &said).filter(|_| !error.is_about_another_field);
    let sent = || (0..plan.len()).filter(|index| plan.is_sent(*index));
    Some(match by_words(error.status, &said, found, plan)? {
        Complaint::Items(items) | Complaint::ItemsOrKind(items, _) => (items, true),
        Complaint::Some(items) => {
            let is_certain = items.len() == 1;
            (items, is_certain)
        }
        Complaint::NoneOf(kind) | Complaint::PerhapsNoneOf(kind) => {
            let of_kind = sent().filter(|index| kind_at(plan, *index) == Some(kind));
            (of_kind.collect(), false)
        }
        Complaint::AtMost(_) => (sent().collect(), false),
        Complaint::Size => {
            let largest = sent().max_by_key(|index| plan.size(*index))?;
            (vec![largest], false)
        }
    })
}
