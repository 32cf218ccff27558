//! The ability to check what is stored.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use media_types::StorageReference;
use serde::Serialize;

use crate::body::next;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::{Entry, Inventory};
use crate::metadata::Scope;
use crate::options::{RetrieveOptions, Verification};
use crate::storage::MediaStorage;

/// How many issues a report names; the others are counted.
const MAX_NAMED: usize = 1000;

/// A store that can check what it holds.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Checks every reference of the store, and its bytes as far as the options say.
    ///
    /// Media that is stored or deleted during the check may or may not be looked at.
    ///
    /// # Errors
    /// `Unsupported` for an option that the store cannot carry out; `Permission`, `Unavailable`.
    /// What is wrong with single items is in the report.
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError>;
}

/// How much of the stored bytes a check reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadData {
    /// None: sidecars and sizes only.
    Nothing,
    /// The bytes of about this many references in a hundred. Which ones is decided by their names
    /// and the sample number, so that 100 checks with the numbers 0 to 99 read everything.
    Percent {
        /// How many in a hundred.
        percent: u8,
        /// Which sample: any number; samples repeat after 100.
        sample: u8,
    },
    /// All.
    #[default]
    Everything,
}

impl ReadData {
    /// Returns whether the bytes of this reference belong to what is read.
    pub fn includes(self, reference: &StorageReference) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Percent { percent, sample } => {
                // The characters before the extension are random; their sum is as good as a hash.
                let sum: u32 = reference
                    .file_name()
                    .bytes()
                    .enumerate()
                    .map(|(at, byte)| u32::from(byte) * (at as u32 * 31 + 7))
                    .sum();
                (sum + 100 - u32::from(sample % 100)) % 100 < u32::from(percent)
            }
        }
    }
}

/// What a check does with media whose bytes are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamagedMedia {
    /// Leaves it where it is.
    #[default]
    Keep,
    /// Moves it out of the way, so that it is no longer served. Stores that cannot do this answer
    /// `Unsupported`.
    Quarantine,
}

/// Options for [`Verifier::verify`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    read_data: ReadData,
    damaged: DamagedMedia,
    repair: bool,
}

impl VerifyOptions {
    /// Creates options that read everything and change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much of the stored bytes is read. Defaults to everything.
    #[must_use]
    pub fn with_read_data(mut self, read_data: ReadData) -> Self {
        self.read_data = read_data;
        self
    }

    /// Sets what happens to media whose bytes are wrong. Defaults to keeping it.
    #[must_use]
    pub fn with_damaged(mut self, damaged: DamagedMedia) -> Self {
        self.damaged = damaged;
        self
    }

    /// Sets whether derived data that is missing is made again: sidecars from what the media and
    /// its place still tell, sharing that was lost. Defaults to false.
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Returns how much of the stored bytes is read.
    pub fn read_data(&self) -> ReadData {
        self.read_data
    }

    /// Returns what happens to media whose bytes are wrong.
    pub fn damaged(&self) -> DamagedMedia {
        self.damaged
    }

    /// Returns whether derived data that is missing is made again.
    pub fn repair(&self) -> bool {
        self.repair
    }
}

/// The kinds of things that a check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerifyIssueKind {
    /// The bytes do not have the recorded size or SHA-256.
    WrongBytes,
    /// The sidecar is there and the bytes are not.
    MissingBytes,
    /// The bytes are there and the sidecar is not.
    MissingSidecar,
    /// The sidecar cannot be read, or describes other media.
    DamagedSidecar,
    /// A sidecar is left of media that is gone. A full sweep removes it.
    OrphanSidecar,
    /// Shared bytes do not have the SHA-256 that they are kept under.
    WrongBlob,
    /// The item cannot be read.
    Unreadable,
    /// The item is nothing that the store writes.
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
            Self::OrphanSidecar => "orphan sidecar",
            Self::WrongBlob => "wrong shared bytes",
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

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyIssue {
    /// The key below the store's root; empty where the listing does not name it.
    pub key: String,
    /// What is wrong.
    pub kind: VerifyIssueKind,
}

/// What a check found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of references that were looked at.
    pub references: u64,
    /// Number of references, or of shared bodies, whose bytes were read.
    pub read: u64,
    /// Bytes that were read and hashed.
    pub read_bytes: u64,
    /// Number of things that are wrong.
    pub issue_count: u64,
    /// The first thousand of them.
    pub issues: Vec<VerifyIssue>,
    /// Number of sidecars and shares that were made again.
    pub repaired: u64,
    /// Number of items that were moved to quarantine.
    pub quarantined: u64,
}

impl VerifyReport {
    /// Returns whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.issue_count == 0
    }

    /// Adds an issue; beyond a thousand it is counted only.
    pub fn add(&mut self, key: impl Into<String>, kind: VerifyIssueKind) {
        self.issue_count += 1;
        if self.issues.len() < MAX_NAMED {
            let key = key.into();
            self.issues.push(VerifyIssue { key, kind });
        }
    }
}

/// Checks any store that can list: every entry is opened, and its bytes are read and hashed as far
/// as the options say. One item at a time, in constant memory. For [`Verifier`]s of stores that
/// have no faster way.
///
/// # Errors
/// `Unsupported` where repair or quarantine is asked for; `Permission`, `Unavailable`.
pub async fn verify_inventory<S>(
    store: &S,
    inventory: &dyn Inventory,
    options: VerifyOptions,
) -> Result<VerifyReport, StorageError>
where
    S: MediaStorage + ?Sized,
{
    let unsupported = |reason: &'static str| {
        Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Verify)
                .with_backend(store.backend().to_owned())
                .with_reason(reason),
        )
    };
    if options.repair {
        return unsupported("a check of this store repairs nothing; a full sweep does");
    }
    if options.damaged == DamagedMedia::Quarantine {
        return unsupported("this store has no quarantine");
    }
    let mut report = VerifyReport::default();
    let mut entries: BoxStream<'static, Result<Entry, StorageError>> = inventory.list(Scope::All);
    while let Some(entry) = std::future::poll_fn(|cx| entries.as_mut().poll_next(cx)).await {
        match entry {
            Ok(entry) => check(store, &entry.reference, options.read_data, &mut report).await?,
            Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                let key = error.key().unwrap_or_default();
                report.add(key, VerifyIssueKind::DamagedSidecar);
            }
            Err(error) => return Err(error.with_operation(Operation::Verify)),
        }
    }
    Ok(report)
}

async fn check<S: MediaStorage + ?Sized>(
    store: &S,
    reference: &StorageReference,
    read_data: ReadData,
    report: &mut VerifyReport,
) -> Result<(), StorageError> {
    report.references += 1;
    let options = match read_data.includes(reference) {
        true => RetrieveOptions::new().with_verification(Verification::Always),
        false => RetrieveOptions::new().with_head(),
    };
    let reads = !options.head();
    let opened = async {
        let stored = store.retrieve_opts(reference, options).await?;
        let mut bytes = 0;
        let mut body = stored.body.into_stream();
        while let Some(piece) = next(&mut body).await {
            bytes += piece?.len() as u64;
        }
        Ok::<u64, StorageError>(bytes)
    };
    match opened.await {
        Ok(bytes) => {
            report.read += u64::from(reads);
            report.read_bytes += bytes;
        }
        Err(error) => match error.kind() {
            StorageErrorKind::Corrupted => {
                report.read += u64::from(reads);
                report.add(reference.id(), VerifyIssueKind::WrongBytes);
            }
            StorageErrorKind::NotFound => {
                // Listed, and not there: deleted or expired since, unless it is listed still.
                if is_listed(store, reference).await? {
                    report.add(reference.id(), VerifyIssueKind::MissingBytes);
                } else {
                    report.references -= 1;
                }
            }
            StorageErrorKind::InvalidRef | StorageErrorKind::Other => {
                report.add(reference.id(), VerifyIssueKind::Unreadable);
            }
            _ => return Err(error.with_operation(Operation::Verify)),
        },
    }
    Ok(())
}

/// Whether the sidecar of a reference is there and has not expired.
async fn is_listed<S: MediaStorage + ?Sized>(
    store: &S,
    reference: &StorageReference,
) -> Result<bool, StorageError> {
    let head = RetrieveOptions::new().with_head();
    match store.retrieve_opts(reference, head).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(n: u64) -> StorageReference {
        let id = crate::layout::MediaId::mint().unwrap();
        let id = format!("s/c/{n:06x}-{id}.png");
        StorageReference::builder("memory", id).build().unwrap()
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
