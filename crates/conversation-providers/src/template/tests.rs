use media_types::base64;
use proptest::prelude::*;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::*;

/// The same JSON with all media inlined, by serde itself.
struct Inlined<'a>(&'a Json<'a>, &'a [Vec<u8>]);

impl Serialize for Inlined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(json, media) = self;
        match &json.0 {
            Node::Value(value) => value.serialize(serializer),
            Node::Text(text) => text.serialize(serializer),
            Node::Raw(text) => serde_json::value::RawValue::from_string(text.to_string())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
            Node::Item(_, json) => Inlined(json, media).serialize(serializer),
            Node::Array(items) => {
                serializer.collect_seq(items.iter().map(|item| Inlined(item, media)))
            }
            Node::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &Inlined(value, media))?;
                }
                map.end()
            }
            Node::Media {
                prefix, media: at, ..
            } => format!("{prefix}{}", base64::encode(&media[*at])).serialize(serializer),
        }
    }
}

fn filled(template: BodyTemplate, media: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for segment in template.into_segments() {
        match segment {
            Segment::Text(text) => body.extend_from_slice(&text),
            Segment::Media(at, _) => body.extend_from_slice(base64::encode(&media[at]).as_bytes()),
        }
    }
    body
}

const MEDIA: usize = 3;

fn any_json() -> impl Strategy<Value = Json<'static>> {
    let number = any::<i64>().prop_map(|n| Json::from(Value::from(n)));
    let raw = any::<u8>().prop_map(|n| Json::raw(format!("{{\"a\": {n}}}")));
    let literal = prop_oneof![Just(Value::Null), Just(Value::Bool(true))].prop_map(Json::from);
    let text = any::<String>().prop_map(Json::text);
    let media = (any::<String>(), 0..MEDIA).prop_map(|(prefix, media)| Json::base64(prefix, media));
    let leaf = prop_oneof![number, literal, raw, text, media];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let array = proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::array);
        let fields = proptest::collection::vec((any::<String>(), inner), 0..6);
        let object = fields.prop_map(|fields| {
            let fields = fields.into_iter().map(|(k, v)| (Cow::Owned(k), v));
            Json::object(fields)
        });
        prop_oneof![array, object]
    })
}

proptest! {
    #[test]
    fn the_filled_template_is_the_inlined_json(
        json in any_json(),
        media in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..200), MEDIA..=MEDIA),
    ) {
        let template = BodyTemplate::write(&json).unwrap();
        let expected = serde_json::to_vec(&Inlined(&json, &media)).unwrap();
        prop_assert_eq!(
            template.len(|at| media[at].len() as u64),
            expected.len() as u64
        );
        prop_assert_eq!(filled(template, &media), expected);
    }
}

#[test]
fn segments_are_split_at_media_only() {
    let json = Json::object([
        ("a", Json::text("\"quoted\"")),
        ("b", Json::base64("data:,", 7)),
        ("c", Json::from(Value::from(1))),
    ]);
    let segments = BodyTemplate::write(&json).unwrap().into_segments();
    assert_eq!(
        segments,
        [
            Segment::Text(r#"{"a":"\"quoted\"","b":"data:,"#.into()),
            Segment::Media(7, Encoding::Base64),
            Segment::Text(r#"","c":1}"#.into()),
        ]
    );
}
