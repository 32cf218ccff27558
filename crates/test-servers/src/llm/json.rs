//! Reading JSON that may be anything.

use serde_json::Value;

/// A rule that a request breaks.
pub(super) type Broken = String;

/// Returns the items of an array; of any other value, an empty slice.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the content of a string; of any other value, an empty string.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Fails unless something holds.
pub(super) fn ensure(holds: bool, broken: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// Returns the data of the events of a stream.
pub(super) fn events(stream: &str) -> impl Iterator<Item = Value> {
    stream
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
}
