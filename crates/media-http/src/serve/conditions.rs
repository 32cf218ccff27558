//! Conditional requests, by RFC 9110 section 13.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};

/// What the conditions of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The request is done as if it had no conditions.
    Proceed,
    /// The client has the media: 304.
    NotModified,
    /// The client wants other media than there is: 412.
    Failed,
}

/// The state of media that conditions are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// The entity tag, with its quotes.
    pub(super) tag: &'a str,
    /// Time of store, in whole seconds.
    pub(super) modified: Option<SystemTime>,
}

/// Whether a request has conditions, so that they are evaluated before media is opened.
pub(super) fn is_conditional(headers: &HeaderMap) -> bool {
    [
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
        IF_RANGE,
    ]
    .iter()
    .any(|name| headers.contains_key(name))
}

/// Evaluates the conditions of a GET or HEAD in the order of section 13.2.2.
pub(super) fn evaluate(headers: &HeaderMap, validators: Validators<'_>) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, &IF_MATCH, validators.tag, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) =
        (date(headers, &IF_UNMODIFIED_SINCE), validators.modified)
        && modified > since
    {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, &IF_NONE_MATCH, validators.tag, Comparison::Weak) {
            return Verdict::NotModified;
        }
    } else if let (Some(since), Some(modified)) =
        (date(headers, &IF_MODIFIED_SINCE), validators.modified)
        && modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether the range of a request counts: it has no `If-Range`, or one that fits exactly.
pub(super) fn range_applies(headers: &HeaderMap, validators: Validators<'_>) -> bool {
    let Some(value) = headers.get(IF_RANGE) else {
        return true;
    };
    let Ok(value) = value.to_str().map(str::trim) else {
        return false;
    };
    if value.starts_with('"') || value.starts_with("W/") {
        return value == validators.tag;
    }
    let date = httpdate::parse_http_date(value).ok();
    date.is_some() && date == validators.modified
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags has the tag, or is `*`.
fn lists(headers: &HeaderMap, name: &HeaderName, tag: &str, comparison: Comparison) -> bool {
    headers.get_all(name).iter().any(|value| {
        let Ok(value) = value.to_str() else {
            return false;
        };
        // Our tags have no comma, so that one inside of another's tag splits into what is none of ours.
        value.trim() == "*"
            || value.split(',').map(str::trim).any(|listed| {
                let listed = match (comparison, listed.strip_prefix("W/")) {
                    (Comparison::Weak, Some(weak)) => weak,
                    _ => listed,
                };
                listed == tag
            })
    })
}

/// Returns the date of a header; a date that cannot be read is ignored, as the standard wants it.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let value = headers.get(name)?.to_str().ok()?;
    httpdate::parse_http_date(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn modified() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn verdict(list: &[(HeaderName, &str)]) -> Verdict {
        let validators = Validators {
            tag: TAG,
            modified: Some(modified()),
        };
        evaluate(&headers(list), validators)
    }

    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn cases_of_the_standard() {
        use Verdict::{Failed, NotModified, Proceed};
        for (list, expected) in [
            (vec![], Proceed),
            (vec![(IF_NONE_MATCH, TAG)], NotModified),
            (vec![(IF_NONE_MATCH, "W/\"abc\"")], NotModified),
            (vec![(IF_NONE_MATCH, "\"x\", \"abc\"")], NotModified),
            (vec![(IF_NONE_MATCH, "*")], NotModified),
            (vec![(IF_NONE_MATCH, "\"x\"")], Proceed),
            (vec![(IF_NONE_MATCH, "abc")], Proceed),
            (vec![(IF_MATCH, TAG)], Proceed),
            (vec![(IF_MATCH, "*")], Proceed),
            (vec![(IF_MATCH, "W/\"abc\"")], Failed),
            (vec![(IF_MATCH, "\"x\"")], Failed),
            (vec![(IF_MATCH, TAG), (IF_NONE_MATCH, TAG)], NotModified),
            (vec![(IF_MODIFIED_SINCE, SAME)], NotModified),
            (vec![(IF_MODIFIED_SINCE, EARLIER)], Proceed),
            (vec![(IF_MODIFIED_SINCE, "yesterday")], Proceed),
            (
                vec![(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, SAME)],
                Proceed,
            ),
            (vec![(IF_UNMODIFIED_SINCE, SAME)], Proceed),
            (vec![(IF_UNMODIFIED_SINCE, EARLIER)], Failed),
            (
                vec![(IF_MATCH, TAG), (IF_UNMODIFIED_SINCE, EARLIER)],
                Proceed,
            ),
        ] {
            assert_eq!(verdict(&list), expected, "{list:?}");
        }
    }

    #[test]
    fn a_range_needs_exactly_the_same_media() {
        let validators = Validators {
            tag: TAG,
            modified: Some(modified()),
        };
        let applies = |value: &str| range_applies(&headers(&[(IF_RANGE, value)]), validators);
        assert!(range_applies(&HeaderMap::new(), validators));
        assert!(applies(TAG) && applies(SAME));
        for other in ["\"x\"", "W/\"abc\"", EARLIER, "soon", ""] {
            assert!(!applies(other), "{other}");
        }
    }
}
