//! Listings in pages, with a delimiter.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::object::{Object, hex};

/// Maximum number of names in a page, for both services.
const PAGE: usize = 1000;

/// Sorts after every key that begins with the text that it is appended to.
const LAST: char = char::MAX;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ListQuery<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    pub(crate) start_after: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) max_keys: Option<usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Arc<Object>)>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) next: Option<String>,
}

pub(super) fn list(objects: &BTreeMap<String, Arc<Object>>, query: &ListQuery<'_>) -> Page {
    let wanted = query.max_keys.unwrap_or(PAGE).min(PAGE);
    let mut page = Page::default();
    let mut last = query
        .token
        .map_or_else(|| query.start_after.to_owned(), from_token);
    while let Some((key, object)) = after(objects, &last, query.prefix) {
        if page.objects.len() + page.prefixes.len() == wanted {
            page.next = Some(to_token(&last));
            break;
        }
        match common_prefix(key, query) {
            Some(prefix) => {
                last = format!("{prefix}{LAST}");
                // A listing may start inside a group that was listed already.
                if *last > *query.start_after {
                    page.prefixes.push(prefix.to_owned());
                }
            }
            None => {
                last.clone_from(key);
                page.objects.push((key.clone(), Arc::clone(object)));
            }
        }
    }
    page
}

fn after<'a>(
    objects: &'a BTreeMap<String, Arc<Object>>,
    last: &str,
    prefix: &str,
) -> Option<(&'a String, &'a Arc<Object>)> {
    let from = if last < prefix {
        Bound::Included(prefix)
    } else {
        Bound::Excluded(last)
    };
    objects
        .range::<str, _>((from, Bound::Unbounded))
        .next()
        .filter(|(key, _)| key.starts_with(prefix))
}

fn common_prefix<'a>(key: &'a str, query: &ListQuery<'_>) -> Option<&'a str> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = key.get(query.prefix.len()..)?;
    let at = rest.find(query.delimiter)?;
    key.get(..query.prefix.len() + at + query.delimiter.len())
}

/// Tokens are opaque, so that no client relies on their being keys.
fn to_token(last: &str) -> String {
    hex(last.as_bytes())
}

fn from_token(token: &str) -> String {
    let bytes = (0..token.len() / 2)
        .filter_map(|i| u8::from_str_radix(token.get(2 * i..2 * i + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes).unwrap_or_default()
}
