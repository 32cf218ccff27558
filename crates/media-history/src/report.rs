//! What an operation did, to be shown, logged or kept as JSON.

use std::fmt;

use media_types::readable::{count, counted, size};
use media_types::{Mime, StorageReference};
use serde::Serialize;

/// How many entries of each list a report keeps; totals count all.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// How a value came to be recognized as media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaClass {
    /// The payload of a `data:` URI.
    DataUri,
    /// A string that is base64 as a whole.
    Base64,
    /// Numbers, one for each byte.
    NumberArray,
    /// Bytes that only the provider can read: a signature, encrypted reasoning.
    Opaque,
}

/// Why a value that looks like media stayed where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftReason {
    /// It is smaller than the threshold.
    BelowThreshold,
    /// Its text is not longer than the placeholder would be.
    ShorterThanPlaceholder,
    /// Encoding its bytes again would not give the same text: mixed escapes, uneven line breaks, bits
    /// left over.
    NotReproducible,
    /// It is opaque, and opaque values were not asked for.
    Opaque,
    /// The history ends inside it.
    Torn,
}

/// A value that was replaced by a placeholder.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReplacedValue {
    /// Which top-level value of the history it is in, from 0: the line, in JSON Lines.
    pub document: u64,
    /// Where it is, as a JSON Pointer (RFC 6901); `#` stands where a string holds JSON itself.
    pub path: String,
    /// How it was recognized.
    pub class: MediaClass,
    /// The type it was stored with.
    #[serde(rename = "type")]
    pub mime: Mime,
    /// A type that the history names only after the value was stored, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_type: Option<Mime>,
    /// Size of the media in bytes.
    pub bytes: u64,
    /// The reference that stands for it.
    pub reference: StorageReference,
    /// Whether the reference is new; otherwise it was reused for equal bytes.
    pub new: bool,
}

/// A value that looks like media and was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftValue {
    /// Which top-level value of the history it is in, from 0.
    pub document: u64,
    /// Where it is, as in [`ReplacedValue::path`].
    pub path: String,
    /// How it was recognized.
    pub class: MediaClass,
    /// Size of the media in bytes, as far as it was decoded.
    pub bytes: u64,
    /// Why it was left.
    pub reason: LeftReason,
}

/// Where a history stops being JSON, JSON Lines or a JSON sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// Offset in bytes from the start of the history.
    pub offset: u64,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with JSON at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A byte that cannot stand there.
    Unexpected,
    /// The history ends inside a value.
    Torn,
    /// Nested deeper than is followed.
    TooDeep,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Unexpected => "not JSON",
            FaultKind::Torn => "ends inside a value",
            FaultKind::TooDeep => "nested too deeply",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

/// Sums over all values of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Values that were replaced.
    pub replaced: u64,
    /// Of these, values whose reference is new.
    pub stored: u64,
    /// Decoded bytes of the replaced values.
    pub media_bytes: u64,
    /// Values that look like media and were left.
    pub left: u64,
    /// Top-level values, complete or not.
    pub documents: u64,
    /// Length of the history in bytes.
    pub input_bytes: u64,
    /// Length of the result in bytes.
    pub output_bytes: u64,
}

/// What externalizing a history did.
///
/// The lists keep the first 10,000 entries each; [`Report::totals`] counts all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The values that were replaced, in the order of the text.
    pub values: Vec<ReplacedValue>,
    /// The values that look like media and were left, in the order of the text.
    pub left: Vec<LeftValue>,
    /// Sums over all values.
    pub totals: Totals,
    /// Where the history stops being JSON, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl Report {
    pub(crate) fn push_value(&mut self, value: ReplacedValue) {
        self.totals.replaced += 1;
        self.totals.stored += u64::from(value.new);
        self.totals.media_bytes += value.bytes;
        if self.values.len() < MAX_ENTRIES {
            self.values.push(value);
        }
    }

    pub(crate) fn push_left(&mut self, left: LeftValue) {
        self.totals.left += 1;
        if self.left.len() < MAX_ENTRIES {
            self.left.push(left);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        write!(
            f,
            "{} replaced ({} new, {} of media), {} left, {} to {}",
            count(totals.replaced),
            count(totals.stored),
            size(totals.media_bytes),
            count(totals.left),
            size(totals.input_bytes),
            size(totals.output_bytes),
        )?;
        match &self.fault {
            Some(fault) => write!(f, "; {fault}"),
            None => Ok(()),
        }
    }
}

/// What restoring a history did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Placeholders that were replaced by their media.
    pub restored: u64,
    /// Decoded bytes of the media that was put back.
    pub media_bytes: u64,
    /// Placeholders whose media was missing: they stayed, or a text was put in their place, as
    /// [`OnMissing`](crate::OnMissing) says.
    pub missing: u64,
    /// Placeholders that stayed as text: written with another key or for another scope, or changed since. So
    /// does text that only looks like one.
    pub not_ours: u64,
    /// Length of the slim history in bytes.
    pub input_bytes: u64,
    /// Length of the result in bytes.
    pub output_bytes: u64,
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} put back ({} of media), {} to {}",
            count(self.restored),
            size(self.media_bytes),
            size(self.input_bytes),
            size(self.output_bytes)
        )?;
        if self.missing > 0 {
            write!(f, "; {} missing", count(self.missing))?;
        }
        match self.not_ours {
            0 => Ok(()),
            others => write!(f, "; {} of another key or owner", count(others)),
        }
    }
}

/// A placeholder that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unresolved {
    /// Offset of the placeholder in the slim history, in bytes.
    pub offset: u64,
    /// The reference that it names.
    pub reference: StorageReference,
    /// Why it does not resolve.
    pub reason: UnresolvedReason,
}

/// Why a placeholder does not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnresolvedReason {
    /// The media is gone, expired, or of another scope.
    Missing,
    /// The stored media is not what the placeholder says.
    Corrupted,
    /// Written with another key or for another scope, or changed since. It is treated as text.
    NotOurs,
}

/// What checking a slim history found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Placeholders that resolve.
    pub resolved: u64,
    /// Decoded bytes of the media that they name.
    pub media_bytes: u64,
    /// Placeholders that do not resolve, the first 10,000.
    pub unresolved: Vec<Unresolved>,
    /// How many placeholders do not resolve.
    pub unresolved_count: u64,
}

impl CheckReport {
    pub(crate) fn push(&mut self, unresolved: Unresolved) {
        self.unresolved_count += 1;
        if self.unresolved.len() < MAX_ENTRIES {
            self.unresolved.push(unresolved);
        }
    }

    /// Whether every placeholder resolves.
    pub fn is_sound(&self) -> bool {
        self.unresolved_count == 0
    }
}

/// What forgetting or replacing a history deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ForgetReport {
    /// References that were deleted.
    pub deleted: Vec<StorageReference>,
    /// References whose media was gone already, or is not of this scope.
    pub gone: u64,
    /// References that are still named and were kept.
    pub kept: u64,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (items, bytes) = (counted(self.resolved, "media item"), size(self.media_bytes));
        let verb = if self.resolved == 1 { "is" } else { "are" };
        let others = count(self.unresolved_count);
        let verb_of_others = if self.unresolved_count == 1 {
            "is"
        } else {
            "are"
        };
        write!(
            f,
            "{items} {verb} there ({bytes}), {others} {verb_of_others} not"
        )
    }
}

impl fmt::Display for ForgetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deleted = count(self.deleted.len() as u64);
        write!(f, "{deleted} deleted")?;
        if self.kept > 0 {
            write!(f, ", {} kept", count(self.kept))?;
        }
        match self.gone {
            0 => Ok(()),
            gone => write!(f, ", {} gone before or of others", count(gone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> StorageReference {
        let reference = StorageReference::builder("memory", "an-id");
        reference.build().unwrap()
    }

    #[test]
    fn what_came_back_is_shown_with_what_did_not() {
        let mut report = RestoreReport {
            restored: 2,
            media_bytes: 3 << 20,
            input_bytes: 500,
            output_bytes: 4 << 20,
            ..RestoreReport::default()
        };
        let line = "2 put back (3.00 MiB of media), 500 B to 4.00 MiB";
        assert_eq!(report.to_string(), line);
        (report.missing, report.not_ours) = (1, 1000);
        let rest = "; 1 missing; 1,000 of another key or owner";
        assert_eq!(report.to_string(), format!("{line}{rest}"));
    }

    #[test]
    fn a_check_is_shown_with_what_is_there_and_what_is_not() {
        let mut report = CheckReport {
            resolved: 1200,
            media_bytes: 2048,
            ..CheckReport::default()
        };
        let line = "1,200 media items are there (2.00 KiB), 0 are not";
        assert_eq!(report.to_string(), line);
        report.resolved = 1;
        report.push(Unresolved {
            offset: 0,
            reference: reference(),
            reason: UnresolvedReason::Missing,
        });
        let line = "1 media item is there (2.00 KiB), 1 is not";
        assert_eq!(report.to_string(), line);
    }

    #[test]
    fn a_deletion_is_shown_with_what_stayed() {
        let mut report = ForgetReport {
            deleted: vec![reference()],
            ..ForgetReport::default()
        };
        assert_eq!(report.to_string(), "1 deleted");
        (report.kept, report.gone) = (2, 3);
        assert_eq!(
            report.to_string(),
            "1 deleted, 2 kept, 3 gone before or of others"
        );
    }
}
