//! Conditions of changes, and why they are refused.

/// Condition of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    Absent,
    Present,
    ETag(String),
    Generation(u64),
}

/// Reason why a change was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Condition,
    NoSuchKey,
    NoSuchUpload,
    InvalidPart,
    PartOrder,
    PartTooSmall,
}
