//! What an error complains about in the media of a request.

use media_types::MediaType;

use super::api::FailedResponse;
use super::failure::Complaint;
use super::said::Said;
use super::wording::{Wording, is_about_another_matter, is_certainly_none, wording};
use crate::media::{MediaForm, MediaPlan};

/// Words of errors about the size of a request where the status does not say it.
const TOO_LARGE: [&str; 4] = [
    "payload size exceeds",
    "request entity too large",
    "request body too large",
    "payload too large",
];

/// Returns what an error complains about in the media of its request; `None` for an error that is
/// about something else.
pub(super) fn complaint(failed: &FailedResponse<'_>) -> Option<Complaint> {
    let plan = failed.plan;
    if plan.sent() == 0 {
        return None;
    }
    let said = Said::from_body(failed.body);
    // Such an error mentions media by chance.
    let found = wording(failed.status, &said).filter(|_| !said.is_elsewhere);
    let is_about_all = match found {
        Some(Wording::NoneOf(_)) => is_certainly_none(&said),
        Some(Wording::AtMost(_)) => true,
        _ => false,
    };
    if matches!(failed.status, 400 | 404 | 413 | 415 | 422) && !is_about_all {
        let mut named: Vec<usize> = said
            .paths
            .iter()
            .filter(|path| names_a_part(path))
            .flat_map(|path| {
                let steps: Vec<&str> = path.iter().map(String::as_str).collect();
                (failed.media_at)(&steps)
            })
            .filter(|index| plan.is_sent(*index))
            .collect();
        named.sort_unstable();
        named.dedup();
        // One that is named is not all of them: the others are not lost over words that may mean either.
        if let Some(Wording::NoneOf(kind)) = found {
            named.retain(|index| kind_at(plan, *index) == Some(kind));
            if !named.is_empty() {
                return Some(Complaint::ItemsOrKind(named, kind));
            }
        }
        if !named.is_empty() {
            return Some(Complaint::Items(named));
        }
    }
    by_words(failed.status, &said, found, plan)
}

/// Returns what an error complains about, by its words alone.
pub(super) fn by_words(
    status: u16,
    said: &Said,
    found: Option<Wording>,
    plan: &MediaPlan,
) -> Option<Complaint> {
    let named = named_in_words(said, found, plan);
    if !named.is_empty() {
        return Some(Complaint::Items(named));
    }
    let of_kind = |kind: MediaType| of(plan, |index| kind_at(plan, index) == Some(kind));
    match found {
        Some(Wording::AtMost(most)) if most < of_kind(MediaType::Image).len() => {
            Some(Complaint::AtMost(most))
        }
        Some(Wording::AtMost(_)) => some(of_kind(MediaType::Image)),
        Some(Wording::NoneOf(kind)) if !of_kind(kind).is_empty() => {
            Some(match of_kind(kind).as_slice() {
                _ if is_certainly_none(said) => Complaint::NoneOf(kind),
                // One alone is as good as named; a URL is not remembered, since what it leads to may change.
                [one] if !is_url(plan, *one) => Complaint::ItemsOrKind(vec![*one], kind),
                _ => Complaint::PerhapsNoneOf(kind),
            })
        }
        Some(Wording::Some(kind)) if !of_kind(kind).is_empty() => some(of_kind(kind)),
        // What has too many tokens is "too large" too, and media has no part in it.
        _ if is_about_another_matter(said) => None,
        _ => {
            let is_said = matches!(status, 400 | 422) && said.has(&TOO_LARGE);
            (status == 413 || is_said).then_some(Complaint::Size)
        }
    }
}

fn is_url(plan: &MediaPlan, index: usize) -> bool {
    matches!(plan.get(index), Some((_, MediaForm::Url(_))))
}

fn some(items: Vec<usize>) -> Option<Complaint> {
    (!items.is_empty()).then_some(Complaint::Some(items))
}

/// Whether a path leads to a part of a message, not to a message or all of them.
fn names_a_part(path: &[String]) -> bool {
    path.iter()
        .filter(|step| step.parse::<usize>().is_ok())
        .count()
        >= 2
}

/// Returns the items whose URL or file name is in the text of an error, or which it numbers.
fn named_in_words(said: &Said, found: Option<Wording>, plan: &MediaPlan) -> Vec<usize> {
    let by_url = of(plan, |index| match plan.get(index) {
        Some((_, MediaForm::Url(url))) => said.message.contains(&url.as_str().to_lowercase()),
        _ => false,
    });
    if !by_url.is_empty() {
        return by_url;
    }
    let Some(Wording::Some(kind)) = found else {
        return Vec::new();
    };
    let by_name = of(plan, |index| {
        let name = plan.get(index).and_then(|(content, _)| content.filename());
        name.is_some_and(|name| name.len() >= 5 && said.message.contains(&name.to_lowercase()))
    });
    if !by_name.is_empty() {
        return by_name;
    }
    let of_kind = of(plan, |index| kind_at(plan, index) == Some(kind));
    match number_in_words(said) {
        Some(number) => of_kind.get(number).copied().into_iter().collect(),
        None => Vec::new(),
    }
}

/// The number in `image at index 3`. Where counting begins elsewhere is not said.
fn number_in_words(said: &Said) -> Option<usize> {
    let (_, rest) = said.message.split_once("index")?;
    let digits = rest.trim_start_matches([' ', ':', '[', '=', '#']);
    let end = digits.find(|letter: char| !letter.is_ascii_digit());
    digits.get(..end.unwrap_or(digits.len()))?.parse().ok()
}

/// The items that are sent and for which something holds.
fn of(plan: &MediaPlan, holds: impl Fn(usize) -> bool) -> Vec<usize> {
    let sent = (0..plan.len()).filter(|index| plan.is_sent(*index));
    sent.filter(|index| holds(*index)).collect()
}

pub(super) fn kind_at(plan: &MediaPlan, index: usize) -> Option<MediaType> {
    plan.get(index).map(|(content, _)| content.media_type())
}
