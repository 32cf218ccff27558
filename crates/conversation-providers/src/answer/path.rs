//! Paths to media in JSON.

/// One step from a value into what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value of a key of an object.
    Key(&'static str),
    /// The value of a key of an object, which may be a `data:` URI; the last step of its path.
    DataUri(&'static str),
    /// The value of a key of an object whose media nobody wants: it is passed over, and an empty
    /// string stands in its place; the last step of its path.
    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "only one API says the same twice")
    )]
    Unwanted(&'static str),
    /// The value of a key of an object whose media is a preview: it stays in memory, and does not
    /// count as media of the answer; the last step of its path.
    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "only one API has previews")
    )]
    Preview(&'static str),
    /// Every item of an array.
    Each,
}

/// The steps from the whole text to a value, at least one.
pub(crate) type JsonPath = &'static [Step];
