//! A request body with holes where media go.
//!
//! The JSON is built as a tree in which media have their own kind of node, and written once. What
//! stands between two media becomes one piece; the base64 of a medium is put there while the body
//! is sent. No text is searched for marks, so no text of a user can look like one.

use std::borrow::Cow;

use bytes::Bytes;
use media_types::base64;
use serde_json::Value;

/// How the bytes of a medium stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Base64 of the standard alphabet.
    Base64,
    /// Base64 of the alphabet for URLs.
    Base64Url,
    /// As they are, where the body is no JSON.
    Plain,
}

impl Encoding {
    /// How long media of so many bytes is in this encoding.
    pub(crate) fn len(self, size: u64) -> u64 {
        match self {
            Self::Base64 | Self::Base64Url => base64::encoded_len(size),
            Self::Plain => size,
        }
    }
}

/// JSON in the making.
#[derive(Clone, Debug)]
pub(crate) enum Json<'a> {
    /// Anything without media.
    Value(Cow<'a, Value>),
    /// Text; borrowed, so that a long history is copied once, into the body.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object, in this order.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    /// A string: this text, then the base64 of the medium of this number.
    Media {
        /// What stands before the base64: `data:image/png;base64,` or nothing.
        prefix: String,
        /// Which medium.
        media: usize,
        /// In which alphabet.
        encoding: Encoding,
    },
}

impl<'a> Json<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn object<const N: usize>(fields: [(&'a str, Json<'a>); N]) -> Self {
        let fields = fields.into_iter();
        Self::Object(fields.map(|(k, v)| (Cow::Borrowed(k), v)).collect())
    }

    /// The base64 of a medium, behind this text.
    pub(crate) fn base64(prefix: impl Into<String>, media: usize) -> Self {
        Self::Media {
            prefix: prefix.into(),
            media,
            encoding: Encoding::Base64,
        }
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        Self::Value(Cow::Owned(value))
    }
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What is there already.
    Text(Bytes),
    /// The medium of this number, encoded.
    Media(usize, Encoding),
}

/// A body, written but for its media. Cheap to clone: an attempt uses one up.
#[derive(Clone, Debug)]
pub(crate) struct Skeleton {
    pieces: Vec<Piece>,
}

impl Skeleton {
    /// Writes JSON.
    ///
    /// # Errors
    /// A number that JSON does not have.
    pub(crate) fn write(json: &Json<'_>) -> Result<Self, serde_json::Error> {
        let mut writer = Writer::default();
        writer.json(json)?;
        writer.cut();
        Ok(Self {
            pieces: writer.pieces,
        })
    }

    /// A body of these pieces.
    pub(crate) fn of_pieces(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// The pieces in order.
    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// Length of the body in bytes, given the size of each medium.
    pub(crate) fn len(&self, size: impl Fn(usize) -> u64) -> u64 {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len() as u64,
                Piece::Media(media, encoding) => encoding.len(size(*media)),
            })
            .fold(0, u64::saturating_add)
    }
}

#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Writer {
    fn json(&mut self, json: &Json<'_>) -> Result<(), serde_json::Error> {
        match json {
            Json::Value(value) => serde_json::to_writer(&mut self.text, value),
            Json::Text(text) => serde_json::to_writer(&mut self.text, text),
            Json::Array(items) => {
                self.text.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    self.comma(at);
                    self.json(item)?;
                }
                self.text.push(b']');
                Ok(())
            }
            Json::Object(fields) => {
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
            Json::Media {
                prefix,
                media,
                encoding,
            } => {
                serde_json::to_writer(&mut self.text, prefix)?;
                // The closing quote of the prefix comes after the base64, none of whose characters
                // needs an escape.
                self.text.pop();
                self.cut();
                self.pieces.push(Piece::Media(*media, *encoding));
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
            self.pieces.push(Piece::Text(text.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::ser::{Serialize, SerializeMap, Serializer};

    /// The same JSON with every medium inlined, by serde's own hand.
    struct Inlined<'a>(&'a Json<'a>, &'a [Vec<u8>]);

    impl Serialize for Inlined<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let Self(json, media) = self;
            match json {
                Json::Value(value) => value.serialize(serializer),
                Json::Text(text) => text.serialize(serializer),
                Json::Array(items) => {
                    serializer.collect_seq(items.iter().map(|item| Inlined(item, media)))
                }
                Json::Object(fields) => {
                    let mut map = serializer.serialize_map(Some(fields.len()))?;
                    for (name, value) in fields {
                        map.serialize_entry(name, &Inlined(value, media))?;
                    }
                    map.end()
                }
                Json::Media {
                    prefix, media: at, ..
                } => format!("{prefix}{}", base64::encode(&media[*at])).serialize(serializer),
            }
        }
    }

    fn filled(skeleton: Skeleton, media: &[Vec<u8>]) -> Vec<u8> {
        let mut body = Vec::new();
        for piece in skeleton.into_pieces() {
            match piece {
                Piece::Text(text) => body.extend_from_slice(&text),
                Piece::Media(at, _) => {
                    body.extend_from_slice(base64::encode(&media[at]).as_bytes())
                }
            }
        }
        body
    }

    const MEDIA: usize = 3;

    fn any_json() -> impl Strategy<Value = Json<'static>> {
        let number = any::<i64>().prop_map(|n| Json::from(Value::from(n)));
        let literal = prop_oneof![Just(Value::Null), Just(Value::Bool(true))].prop_map(Json::from);
        let text = any::<String>().prop_map(Json::text);
        let media =
            (any::<String>(), 0..MEDIA).prop_map(|(prefix, media)| Json::base64(prefix, media));
        let leaf = prop_oneof![number, literal, text, media];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let array = proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::Array);
            let fields = proptest::collection::vec((any::<String>(), inner), 0..6);
            let object = fields.prop_map(|fields| {
                let fields = fields.into_iter().map(|(k, v)| (Cow::Owned(k), v));
                Json::Object(fields.collect())
            });
            prop_oneof![array, object]
        })
    }

    proptest! {
        #[test]
        fn the_filled_skeleton_is_the_inlined_json(
            json in any_json(),
            media in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..200), MEDIA..=MEDIA),
        ) {
            let skeleton = Skeleton::write(&json).unwrap();
            let expected = serde_json::to_vec(&Inlined(&json, &media)).unwrap();
            prop_assert_eq!(
                skeleton.len(|at| media[at].len() as u64),
                expected.len() as u64
            );
            prop_assert_eq!(filled(skeleton, &media), expected);
        }
    }

    #[test]
    fn pieces_are_split_at_media_only() {
        let json = Json::object([
            ("a", Json::text("\"quoted\"")),
            ("b", Json::base64("data:,", 7)),
            ("c", Json::from(Value::from(1))),
        ]);
        let pieces = Skeleton::write(&json).unwrap().into_pieces();
        assert_eq!(
            pieces,
            [
                Piece::Text(r#"{"a":"\"quoted\"","b":"data:,"#.into()),
                Piece::Media(7, Encoding::Base64),
                Piece::Text(r#"","c":1}"#.into()),
            ]
        );
    }
}
