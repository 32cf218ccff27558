//! A request body with holes where media goes.
//!
//! The JSON is built as a tree in which media has its own kind of node, and written once. The text
//! between two media items becomes one segment; the base64 of an item is put there while the body
//! is sent. No text is searched for marks, so no text of a user can look like one.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::media::Encoding;

/// A JSON tree that may hold media, whose bytes are put in while the body is sent.
#[derive(Clone, Debug)]
pub struct Json<'a>(Node<'a>);

#[derive(Clone, Debug)]
enum Node<'a> {
    /// Any value without media.
    Value(Cow<'a, Value>),
    /// Text; borrowed, so that a long history is copied once, into the body.
    Text(Cow<'a, str>),
    /// JSON text that is written as it is.
    Raw(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, in this order.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    /// A string: a prefix, then the base64 of a media item.
    Media {
        /// The text before the base64: `data:image/png;base64,` or nothing.
        prefix: String,
        /// The index of the item.
        media: usize,
        encoding: Encoding,
    },
    /// What stands for a media item, in whatever form.
    Item(
        #[cfg_attr(
            not(feature = "http-client"),
            allow(dead_code, reason = "only errors of servers ask for it")
        )]
        usize,
        Box<Json<'a>>,
    ),
}

impl<'a> Json<'a> {
    /// Creates a text. A borrowed one is copied once, into the body.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Node::Text(text.into()))
    }

    /// Creates a value of JSON that is written as it is. Nothing checks that it is JSON.
    pub fn raw(json: impl Into<Cow<'a, str>>) -> Self {
        Self(Node::Raw(json.into()))
    }

    /// Creates an array.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Array(items.into_iter().collect()))
    }

    /// Creates an object whose fields are in this order.
    pub fn object<K: Into<Cow<'a, str>>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        let fields = fields.into_iter();
        Self(Node::Object(fields.map(|(k, v)| (k.into(), v)).collect()))
    }

    /// Creates a string of a prefix, such as `data:image/png;base64,`, and the base64 of the media item
    /// of an index, as it is in the [`MediaPlan`](crate::MediaPlan).
    pub fn base64(prefix: impl Into<String>, media: usize) -> Self {
        Self::encoded(prefix, media, Encoding::Base64)
    }

    /// Creates the same in the alphabet of base64 that URLs take.
    pub fn base64_url(prefix: impl Into<String>, media: usize) -> Self {
        Self::encoded(prefix, media, Encoding::Base64Url)
    }

    fn encoded(prefix: impl Into<String>, media: usize, encoding: Encoding) -> Self {
        Self(Node::Media {
            prefix: prefix.into(),
            media,
            encoding,
        })
    }

    /// Creates what stands for the media item of an index, in whatever form: an error of the server
    /// that names a place in it is about that item.
    pub fn item(index: usize, json: Self) -> Self {
        Self(Node::Item(index, Box::new(json)))
    }

    /// Returns the items at a path of keys and indexes, and below it. A path that leads on into an
    /// item is of that item.
    #[cfg(feature = "http-client")]
    pub(crate) fn media_at(&self, path: &[&str]) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect_media(path, &mut found);
        found
    }

    #[cfg(feature = "http-client")]
    fn collect_media(&self, path: &[&str], found: &mut Vec<usize>) {
        match (&self.0, path.split_first()) {
            (Node::Item(index, _), _) => found.push(*index),
            (Node::Array(items), None) => {
                items.iter().for_each(|item| item.collect_media(&[], found));
            }
            (Node::Object(fields), None) => {
                let values = fields.iter().map(|(_, value)| value);
                values.for_each(|value| value.collect_media(&[], found));
            }
            (Node::Array(items), Some((step, rest))) => {
                let index = step.parse::<usize>().ok();
                if let Some(item) = index.and_then(|index| items.get(index)) {
                    item.collect_media(rest, found);
                }
            }
            (Node::Object(fields), Some((step, rest))) => {
                if let Some((_, value)) = fields.iter().find(|(name, _)| name == step) {
                    value.collect_media(rest, found);
                }
            }
            _ => {}
        }
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        Self(Node::Value(Cow::Owned(value)))
    }
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Self {
        Self(Node::Value(Cow::Borrowed(value)))
    }
}

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Bytes that are there already.
    Text(Bytes),
    /// The media item of an index, encoded.
    Media(usize, Encoding),
}

/// A body, written but for its media. Cheap to clone: each attempt takes a clone.
#[derive(Clone, Debug)]
pub(crate) struct BodyTemplate {
    segments: Vec<Segment>,
}

impl BodyTemplate {
    /// Writes JSON.
    ///
    /// # Errors
    /// A number that JSON does not have.
    pub(crate) fn write(json: &Json<'_>) -> Result<Self, serde_json::Error> {
        let mut writer = Writer::default();
        writer.json(json)?;
        writer.cut();
        Ok(Self {
            segments: writer.segments,
        })
    }

    pub(crate) fn from_segments(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// Returns the segments in order.
    pub(crate) fn into_segments(self) -> Vec<Segment> {
        self.segments
    }

    /// Returns the length of the body in bytes, given the size of each media item.
    pub(crate) fn len(&self, size: impl Fn(usize) -> u64) -> u64 {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => text.len() as u64,
                Segment::Media(media, encoding) => encoding.len(size(*media)),
            })
            .fold(0, u64::saturating_add)
    }

    /// Returns the length of the body without media, in bytes.
    pub(crate) fn text_len(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => text.len() as u64,
                Segment::Media(..) => 0,
            })
            .sum()
    }
}

#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    segments: Vec<Segment>,
}

impl Writer {
    fn json(&mut self, json: &Json<'_>) -> Result<(), serde_json::Error> {
        match &json.0 {
            Node::Value(value) => serde_json::to_writer(&mut self.text, value),
            Node::Text(text) => serde_json::to_writer(&mut self.text, text),
            Node::Item(_, json) => self.json(json),
            Node::Raw(text) => {
                self.text.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Node::Array(items) => {
                self.text.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    self.comma(at);
                    self.json(item)?;
                }
                self.text.push(b']');
                Ok(())
            }
            Node::Object(fields) => {
                self.text.push(b'{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    self.comma(at);
                    serde_json::to_writer(&mut self.text, name)?;
                    self.text.push(b':');
                    self.json(value)?;
                }
                self.text.push(b'}');
                Ok(())
            }
            Node::Media {
                prefix,
                media,
                encoding,
            } => {
                serde_json::to_writer(&mut self.text, prefix)?;
                // The closing quote of the prefix comes after the base64, none of whose characters
                // needs an escape.
                self.text.pop();
                self.cut();
                self.segments.push(Segment::Media(*media, *encoding));
                self.text.push(b'"');
                Ok(())
            }
        }
    }

    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.text.push(b',');
        }
    }

    fn cut(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.segments.push(Segment::Text(text.into()));
        }
    }
}

#[cfg(test)]
mod tests;
