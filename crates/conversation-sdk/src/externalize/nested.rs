//! Media objects inside JSON that is otherwise not understood.
//!
//! Everything but the media objects that change stays byte for byte.

use std::fmt;

use media_types::{MediaContent, MediaSource};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::receive::is_received;

/// How deep media is looked for.
const MAX_DEPTH: usize = 64;

/// Shows every media object of `json` that is inline or was received to `visit`, in the order of the text. Where `visit`
/// returns other content, that is put in its place; the whole text is returned if any was.
pub(super) fn rewrite(
    json: &str,
    visit: &mut dyn FnMut(MediaContent) -> Option<MediaContent>,
) -> Option<String> {
    walk(json, 0, visit)
}

fn walk(
    json: &str,
    depth: usize,
    visit: &mut dyn FnMut(MediaContent) -> Option<MediaContent>,
) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match json.trim_start().as_bytes().first()? {
        b'{' => object(json, depth, visit),
        b'[' => array(json, depth, visit),
        _ => None,
    }
}

fn object(
    json: &str,
    depth: usize,
    visit: &mut dyn FnMut(MediaContent) -> Option<MediaContent>,
) -> Option<String> {
    let Entries(entries) = serde_json::from_str(json).ok()?;
    if let Some(content) = media(json, &entries) {
        return serde_json::to_string(&visit(content)?).ok();
    }
    let mut changed = false;
    let mut out = String::from("{");
    for (index, (name, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name).ok()?);
        out.push(':');
        match walk(value.get(), depth + 1, visit) {
            Some(new) => {
                changed = true;
                out.push_str(&new);
            }
            None => out.push_str(value.get()),
        }
    }
    out.push('}');
    changed.then_some(out)
}

fn array(
    json: &str,
    depth: usize,
    visit: &mut dyn FnMut(MediaContent) -> Option<MediaContent>,
) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let mut changed = false;
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match walk(item.get(), depth + 1, visit) {
            Some(new) => {
                changed = true;
                out.push(new);
            }
            None => out.push(item.get().to_owned()),
        }
    }
    changed.then(|| format!("[{}]", out.join(",")))
}

/// The media that an object is, if its bytes are in it or in a spool.
fn media(json: &str, entries: &[(String, &RawValue)]) -> Option<MediaContent> {
    let has = |name: &str, begins: char| {
        entries
            .iter()
            .any(|(key, value)| key == name && value.get().starts_with(begins))
    };
    let has_source = has("data", '"') || has("storage_reference", '{');
    if !has_source || !has("mime_type", '"') {
        return None;
    }
    let content: MediaContent = serde_json::from_str(json).ok()?;
    let is_inline = matches!(content.source(), MediaSource::Inline(_));
    (is_inline || is_received(&content)).then_some(content)
}

/// The entries of an object in their order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::StorageReference;

    #[test]
    fn media_changes_and_everything_else_stays() {
        let json = r#"{"type":"tool_result", "n": 1.50,"content":[{"type":"image","mime_type":"image/png","data":"AAAA","x":1},[ 1 ,2],{"media":{"mime_type":"image/png","data":"AAAA"}}]}"#;
        let mut seen = 0;
        assert_eq!(
            rewrite(json, &mut |_| {
                seen += 1;
                None
            }),
            None
        );
        assert_eq!(seen, 2);
        let mut count = 0;
        let new = rewrite(json, &mut |content| {
            count += 1;
            let reference = StorageReference::builder("file", "a").build().ok()?;
            (count == 1).then(|| content.with_source(MediaSource::Stored(reference)))
        })
        .unwrap();
        assert_eq!(
            new,
            r#"{"type":"tool_result","n":1.50,"content":[{"type":"image","mime_type":"image/png","x":1,"storage_reference":{"id":"a","backend":"file"}},[ 1 ,2],{"media":{"mime_type":"image/png","data":"AAAA"}}]}"#
        );
    }

    #[test]
    fn depth_is_bounded() {
        let json = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(rewrite(&json, &mut |_| None), None);
    }
}
