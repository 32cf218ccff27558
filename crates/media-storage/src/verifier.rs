//! The ability to verify what is stored.

use async_trait::async_trait;
use media_types::StorageReference;
use serde::Serialize;

use crate::error::StorageError;

/// Number of issues that a report lists. It counts all of them.
const MAX_NAMED: usize = 1000;

/// A store that can verify its content.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Verifies every reference of the store, and its bytes as far as the options say.
    ///
    /// Media that is stored or deleted in the meantime may or may not be verified.
    ///
    /// # Errors
    /// `Unsupported` for an option that the store does not support; `Permission`, `Unavailable`.
    /// Issues of single items are in the report.
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError>;
}

/// How many of the stored bytes a verification reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadData {
    /// No bytes, only sidecars and sizes.
    Nothing,
    /// The bytes of about this percentage of the references. Their names and the number of the sample
    /// decide which ones, so that 100 verifications with the numbers 0 to 99 read everything.
    Percent {
        /// Percentage of the references.
        percent: u8,
        /// Number of the sample. Samples repeat after 100.
        sample: u8,
    },
    /// All bytes.
    #[default]
    Everything,
}

impl ReadData {
    /// Returns whether the bytes of a reference are read.
    pub fn includes(self, reference: &StorageReference) -> bool {
        self.includes_file(reference.file_name())
    }

    /// Returns whether the bytes of the reference with a file name are read.
    pub fn includes_file(self, file_name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Percent { percent, sample } => {
                // The characters before the extension are random; their sum is as good as a hash.
                let sum = (0_u64..)
                    .zip(file_name.bytes())
                    .fold(0, |sum: u64, (at, byte)| {
                        sum.wrapping_add(u64::from(byte).wrapping_mul(at.wrapping_mul(31) + 7))
                    });
                (sum % 100 + 100 - u64::from(sample % 100)) % 100 < u64::from(percent)
            }
        }
    }
}

/// What a verification does with media whose bytes are damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamagedMedia {
    /// The media stays, and every read of it fails with `Corrupted`.
    #[default]
    Keep,
    /// The media is moved to quarantine, and reads of it fail with `NotFound`. Fails with `Unsupported`
    /// in a store without a quarantine.
    Quarantine,
}

/// Options of [`Verifier::verify`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    read_data: ReadData,
    damaged: DamagedMedia,
    repair: bool,
}

impl VerifyOptions {
    /// Creates options for reading everything and changing nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many of the stored bytes are read. Defaults to [`ReadData::Everything`].
    #[must_use]
    pub fn with_read_data(mut self, read_data: ReadData) -> Self {
        self.read_data = read_data;
        self
    }

    /// Sets what happens to media whose bytes are damaged. Defaults to [`DamagedMedia::Keep`].
    #[must_use]
    pub fn with_damaged(mut self, damaged: DamagedMedia) -> Self {
        self.damaged = damaged;
        self
    }

    /// Sets whether missing and damaged sidecars are rebuilt from what is still readable, and lost
    /// sharing of equal bytes is restored. A rebuilt sidecar keeps its media until it is deleted.
    /// Defaults to `false`.
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Returns how many of the stored bytes are read.
    pub fn read_data(&self) -> ReadData {
        self.read_data
    }

    /// Returns what happens to media whose bytes are damaged.
    pub fn damaged(&self) -> DamagedMedia {
        self.damaged
    }

    /// Returns whether sidecars and sharing are restored.
    pub fn repair(&self) -> bool {
        self.repair
    }
}

/// The kind of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerifyIssueKind {
    /// The bytes do not match the recorded size or SHA-256.
    WrongBytes,
    /// The sidecar exists, but the bytes do not.
    MissingBytes,
    /// The bytes exist, but the sidecar does not.
    MissingSidecar,
    /// The sidecar is not readable, or belongs to other media.
    DamagedSidecar,
    /// A later version of this program wrote the sidecar. It is never changed.
    LaterSidecar,
    /// The media of a sidecar does not exist. A full sweep removes the sidecar.
    OrphanSidecar,
    /// A blob does not match the SHA-256 that it is stored under.
    WrongBlob,
    /// The item cannot be read.
    Unreadable,
    /// The item is not one that the store writes.
    Foreign,
}

impl VerifyIssueKind {
    /// Returns the kind as a short phrase.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongBytes => "wrong bytes",
            Self::MissingBytes => "missing bytes",
            Self::MissingSidecar => "missing sidecar",
            Self::DamagedSidecar => "damaged sidecar",
            Self::LaterSidecar => "sidecar of a later version",
            Self::OrphanSidecar => "orphan sidecar",
            Self::WrongBlob => "wrong blob",
            Self::Unreadable => "unreadable",
            Self::Foreign => "foreign item",
        }
    }
}

impl std::fmt::Display for VerifyIssueKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One issue that a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyIssue {
    /// Key of the item in the store; empty if it is unknown.
    pub key: String,
    /// Kind of the issue.
    pub kind: VerifyIssueKind,
}

/// What a verification found and repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of references that were verified.
    pub references: u64,
    /// Number of references, or of blobs, whose bytes were read.
    pub read: u64,
    /// Number of bytes that were read and hashed.
    pub read_bytes: u64,
    /// Number of issues.
    pub issue_count: u64,
    /// The first thousand issues.
    pub issues: Vec<VerifyIssue>,
    /// Number of sidecars that were rebuilt, and of references whose bytes are shared again.
    pub repaired: u64,
    /// Number of files that were moved to quarantine.
    pub quarantined: u64,
}

impl VerifyReport {
    /// Whether no issue was found.
    pub fn is_clean(&self) -> bool {
        self.issue_count == 0
    }

    /// Adds an issue. After a thousand issues, it is only counted.
    pub fn add(&mut self, key: impl Into<String>, kind: VerifyIssueKind) {
        self.issue_count += 1;
        if self.issues.len() < MAX_NAMED {
            let key = key.into();
            self.issues.push(VerifyIssue { key, kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(n: u64) -> StorageReference {
        let id = crate::layout::MediaToken::mint().unwrap();
        let id = format!("s/c/{n:06x}-{id}.png");
        StorageReference::builder("memory", id).build().unwrap()
    }

    #[test]
    fn names_of_any_length_are_sampled() {
        let name = "\u{ff}".repeat(100_000);
        let of = |sample| ReadData::Percent { percent: 1, sample };
        let hits = (0..100).filter(|sample| of(*sample).includes_file(&name));
        assert_eq!(hits.count(), 1);
    }

    #[test]
    fn a_sample_has_about_its_size_and_the_samples_cover_everything() {
        let all: Vec<_> = (0..20_000).map(reference).collect();
        let of = |percent, sample| ReadData::Percent { percent, sample };
        let tenth = all.iter().filter(|one| of(10, 3).includes(one)).count();
        assert!((1_600..2_400).contains(&tenth), "{tenth}");
        for one in &all[..100] {
            let hits = (0..100).filter(|n| of(1, *n).includes(one)).count();
            assert_eq!(hits, 1);
            assert!(of(100, 0).includes(one));
            assert!(!of(0, 0).includes(one));
        }
    }
}
