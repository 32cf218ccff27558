//! Paths to media in JSON.

/// One step from a value into what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The value of a key of an object.
    Key(&'static str),
    /// The value of a key of an object, which may be a `data:` URI; the last step of its path.
    DataUri(&'static str),
    /// The value of a key of an object whose media nobody wants: it is passed over, and an empty
    /// string stands in its place; the last step of its path.
    Unwanted(&'static str),
    /// The value of a key of an object whose media is a preview: it stays in memory, and does not
    /// count as media of the answer; the last step of its path.
    Preview(&'static str),
    /// Every item of an array.
    Each,
}

/// The steps from the whole text to a value, at least one.
pub type JsonPath = &'static [Step];
