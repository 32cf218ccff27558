//! Content objects of this workspace inside JSON that is otherwise not understood.

use std::ops::Range;

use media_types::MediaContent;

use super::shapes::ShapeFinder;

/// Finds the content objects in a JSON text. Work is linear in the size of the text.
#[derive(Debug)]
pub(super) struct ContentObjects<'a> {
    json: &'a str,
    finder: ShapeFinder<'a>,
}

impl<'a> ContentObjects<'a> {
    /// Creates a finder.
    pub(super) fn new(json: &'a str) -> Self {
        let start = json.len() - json.trim_start().len();
        let finder = ShapeFinder::new(json, start);
        Self { json, finder }
    }

    /// Reads on until `bytes` more are read or the text ends; returns whether there is more.
    pub(super) fn advance(&mut self, bytes: usize) -> bool {
        self.finder.advance(bytes)
    }

    /// Returns the objects with where they stand, in order.
    pub(super) fn finish(self) -> Vec<(Range<usize>, MediaContent)> {
        let mut shapes = self.finder.finish().shapes;
        shapes.retain(|shape| shape.is_content);
        shapes.sort_by_key(|shape| shape.inner.start);
        shapes
            .into_iter()
            .filter_map(|shape| {
                let object = self.json.get(shape.inner.clone())?;
                Some((shape.inner, serde_json::from_str(object).ok()?))
            })
            .collect()
    }
}

/// Puts other objects in the place of some; everything else stays byte for byte. The replacements
/// are in order and do not overlap.
pub(super) fn replace(json: &str, replacements: &[(Range<usize>, String)]) -> Option<String> {
    let mut new = String::with_capacity(json.len());
    let mut from = 0;
    for (span, object) in replacements {
        new.push_str(json.get(from..span.start)?);
        new.push_str(object);
        from = span.end;
    }
    new.push_str(json.get(from..)?);
    Some(new)
}
