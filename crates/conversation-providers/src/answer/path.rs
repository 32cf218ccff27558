//! Paths to media in JSON.

/// One step from a value into what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value of a key of an object.
    Key(&'static str),
    /// The value of a key of an object, which may be a `data:` URI; the last step of its path.
    DataUri(&'static str),
    /// Every item of an array.
    Each,
}

/// The steps from the whole text to a value, at least one.
pub(crate) type JsonPath = &'static [Step];
