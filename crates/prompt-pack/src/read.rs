//! Reads JSON values into serde types.
//!
//! Packs need three things that `serde_json::from_value` does not do: errors with the path and
//! without the value (a template may be long), `null` fields that count as absent, and arrays that
//! do not pass for objects.

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

use crate::fault::{Fault, Within as _};

/// Reads a value; the error has the path inside it.
pub(crate) fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Fault> {
    T::deserialize(Reader(value))
}

/// Reads the fields of an object; the error has the path inside it.
pub(crate) fn read_fields<'de, T: Deserialize<'de>>(
    fields: &'de Map<String, Value>,
) -> Result<T, Fault> {
    T::deserialize(MapAccessDeserializer::new(Members::new(fields, true)))
}

struct Reader<'de>(&'de Value);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else if let Some(number) = number.as_f64() {
                    visitor.visit_f64(number)
                } else {
                    Err(Fault::custom("the number is out of range"))
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Value::Object(members) => visitor.visit_map(Members::new(members, false)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Object(members) => visitor.visit_map(Members::new(members, true)),
            // A derived visitor would take the items for the fields.
            Value::Array(_) => Err(Fault::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader(item)).map(Some).in_index(index)
    }
}

struct Members<'de> {
    members: serde_json::map::Iter<'de>,
    skip_null: bool,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de> Members<'de> {
    fn new(members: &'de Map<String, Value>, skip_null: bool) -> Self {
        Self {
            members: members.iter(),
            skip_null,
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let skip_null = self.skip_null;
        self.current = self
            .members
            .find(|(_, value)| !(skip_null && value.is_null()))
            .map(|(key, value)| (key.as_str(), value));
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        seed.deserialize(BorrowedStrDeserializer::new(key))
            .map(Some)
            .in_key(key)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        seed.deserialize(Reader(value)).in_key(key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU64;

    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        inner: BTreeMap<String, Sample>,
        count: Option<NonZeroU64>,
        ratio: Option<f64>,
        #[serde(default)]
        flag: bool,
        any: Option<Value>,
    }

    fn fault(json: Value) -> (String, String) {
        let mut fault = read::<Sample>(&json).unwrap_err();
        (fault.take_path().to_string(), fault.message)
    }

    #[test]
    fn errors_have_their_path_and_speak_of_json() {
        for (json, path, message) in [
            (
                json!({"names": ["a", 7]}),
                "names[1]",
                "expected a string, found a number",
            ),
            (
                json!({"names": {}}),
                "names",
                "expected an array, found an object",
            ),
            (
                json!({"inner": {"a b": {"inner": {"x": []}}}}),
                r#"inner["a b"].inner.x"#,
                "expected an object, found an array",
            ),
            (
                json!({"inner": {"x": null}}),
                "inner.x",
                "expected an object, found null",
            ),
            (
                json!({"inner": {"x": "a"}}),
                "inner.x",
                "expected an object, found a string",
            ),
            (
                json!({"count": 0}),
                "count",
                "expected a whole number of at least 1, found 0",
            ),
            (
                json!({"count": 1.5}),
                "count",
                "expected a whole number of at least 1, found 1.5",
            ),
            (
                json!({"count": -1}),
                "count",
                "expected a whole number of at least 1, found -1",
            ),
            (
                json!({"ratio": "1"}),
                "ratio",
                "expected a number, found a string",
            ),
            (
                json!({"flag": "yes"}),
                "flag",
                "expected a boolean, found a string",
            ),
            (json!([]), "", "expected an object, found an array"),
            (json!(null), "", "expected an object, found null"),
        ] {
            assert_eq!(
                fault(json.clone()),
                (path.to_owned(), message.to_owned()),
                "{json}"
            );
        }
    }

    #[test]
    fn null_fields_are_absent_and_values_are_kept() {
        let json = json!({
            "names": null, "inner": null, "count": null, "ratio": 1, "flag": null,
            "any": {"a": [1, -1, 1.5, null, "x", true]},
        });
        let sample: Sample = read(&json).unwrap();
        assert!(sample.names.is_empty() && sample.inner.is_empty() && !sample.flag);
        assert_eq!((sample.count, sample.ratio), (None, Some(1.0)));
        assert_eq!(sample.any.as_ref(), json.get("any"));
    }
}
