//! The cases: what is done to media before its user is deleted, and what the deletion must come to.

use std::path::PathBuf;

use media_storage::Scope;
use media_types::StorageReference;

use crate::Error;
use crate::place::ANN;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Stored,
    Expiring,
    SharedWithBen,
    Duplicated,
    GivenToBen,
    GivenToAnn,
    RetentionChanged,
    DiedWhileGiven,
    DiedWhileStored,
    DiedInStaging,
    MovedByHand,
    SidecarDamaged,
    SidecarLost,
    SidecarRebuilt,
    Quarantined,
    QuarantinedByFirstVersion,
    QuarantinedWithDamagedSidecar,
    QuarantinedExpiring,
    DiedWhileQuarantined,
    DiedBeforeQuarantined,
    DiedBeforeQuarantinedAndGiven,
    PutBackFromQuarantine,
    KilledWhileDeletedInQuarantine,
    Held,
    HeldInQuarantine,
    HeldTwiceInQuarantine,
    HeldByWhatAnEarlierVersionLeft,
    OfLaterVersion,
    OfLaterVersionInQuarantine,
    OfLaterVersionWithEverything,
    OfLaterVersionInQuarantineWithEverything,
}

/// What a deletion must come to.
pub(crate) struct Expected {
    /// Deleted, held, failed, unattributed.
    pub(crate) report: (u64, u64, u64, u64),
    /// What makes the rest go, if the report names something.
    pub(crate) then: Then,
}

/// What becomes of media that is left.
pub(crate) enum Then {
    Clean,
    /// It is deleted by its reference before the scope is, and leaves nothing that a sweep would have to remove.
    AtOnce(StorageReference),
    /// It is deleted by its reference.
    ByReference(StorageReference),
    /// It is deleted with another scope of it.
    ByConversation,
    /// It is on hold: it stays, and goes when it is released.
    Release(StorageReference),
    /// It may be on hold: these files stay as they are, whatever is deleted, and nothing else does.
    Stays(Vec<(PathBuf, Vec<u8>)>),
}

impl Case {
    pub(crate) const ALL: &[Self] = &[
        Self::Stored,
        Self::Expiring,
        Self::SharedWithBen,
        Self::Duplicated,
        Self::GivenToBen,
        Self::GivenToAnn,
        Self::RetentionChanged,
        Self::DiedWhileGiven,
        Self::DiedWhileStored,
        Self::DiedInStaging,
        Self::MovedByHand,
        Self::SidecarDamaged,
        Self::SidecarLost,
        Self::SidecarRebuilt,
        Self::Quarantined,
        Self::QuarantinedByFirstVersion,
        Self::QuarantinedWithDamagedSidecar,
        Self::QuarantinedExpiring,
        Self::DiedWhileQuarantined,
        Self::DiedBeforeQuarantined,
        Self::DiedBeforeQuarantinedAndGiven,
        Self::PutBackFromQuarantine,
        Self::KilledWhileDeletedInQuarantine,
        Self::Held,
        Self::HeldInQuarantine,
        Self::HeldTwiceInQuarantine,
        Self::HeldByWhatAnEarlierVersionLeft,
        Self::OfLaterVersion,
        Self::OfLaterVersionInQuarantine,
        Self::OfLaterVersionWithEverything,
        Self::OfLaterVersionInQuarantineWithEverything,
    ];

    /// The scope that is deleted.
    pub(crate) fn scope(self) -> Result<Scope, Error> {
        Ok(match self {
            Self::OfLaterVersionWithEverything | Self::OfLaterVersionInQuarantineWithEverything => {
                Scope::All
            }
            _ => Scope::User(ANN.parse()?),
        })
    }
}
