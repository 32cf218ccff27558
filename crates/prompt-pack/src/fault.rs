//! What is wrong with a value of a pack, before it is known which pack it is.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::path::{JsonPath, PathSegment};

/// An error about one value. Its path grows from the inside out while it is returned, so that
/// reading a pack without errors builds no paths.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The innermost segment first.
    segments: Vec<PathSegment>,
    pub(crate) message: String,
    pub(crate) name: Option<String>,
    pub(crate) hint: Option<Cow<'static, str>>,
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            segments: Vec::new(),
            message: message.into(),
            name: None,
            hint: None,
            source: None,
        }
    }

    pub(crate) fn in_key(mut self, key: &str) -> Self {
        self.segments.push(PathSegment::Key(key.to_owned()));
        self
    }

    pub(crate) fn in_index(mut self, index: usize) -> Self {
        self.segments.push(PathSegment::Index(index));
        self
    }

    /// Adds the name of the variable, tool or prompt that the error is about.
    pub(crate) fn about(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Takes the path to the value out of the error.
    pub(crate) fn take_path(&mut self) -> JsonPath {
        let mut segments = std::mem::take(&mut self.segments);
        segments.reverse();
        JsonPath::new(segments)
    }
}

/// Extends the path of the error of a result.
pub(crate) trait Within: Sized {
    fn in_key(self, key: &str) -> Self;
    fn in_index(self, index: usize) -> Self;
}

impl<T> Within for Result<T, Fault> {
    fn in_key(self, key: &str) -> Self {
        self.map_err(|fault| fault.in_key(key))
    }

    fn in_index(self, index: usize) -> Self {
        self.map_err(|fault| fault.in_index(index))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected_noun(expected);
        let found = match found {
            // "expected a whole number, found a number" would be a riddle.
            Unexpected::Float(number) if expected.starts_with("a whole") => number.to_string(),
            Unexpected::Bool(_) => "a boolean".to_owned(),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => {
                "a number".to_owned()
            }
            Unexpected::Str(_) => "a string".to_owned(),
            Unexpected::Unit | Unexpected::Option => "null".to_owned(),
            Unexpected::Seq => "an array".to_owned(),
            Unexpected::Map => "an object".to_owned(),
            other => other.to_string(),
        };
        Self::new(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let number = match found {
            Unexpected::Unsigned(number) => number.to_string(),
            Unexpected::Signed(number) => number.to_string(),
            other => return Self::invalid_type(other, expected),
        };
        Self::new(format!(
            "expected {}, found {number}",
            expected_noun(expected)
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing field `{field}`"))
    }
}

/// Returns the name of a type in terms of JSON instead of Rust.
fn expected_noun(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u64" => "a whole number of at least 0".to_owned(),
        "a nonzero u64" => "a whole number of at least 1".to_owned(),
        "f64" => "a number".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        name if name.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}
