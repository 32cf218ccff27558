//! The cases: what is done to media before its user is deleted, and what the deletion must come to.

use std::fs;
use std::path::PathBuf;

use media_storage::{
    DuplicateOptions, Inventory as _, MediaMetadata, MediaStorage as _, MediaStorageExt as _,
    MetadataPatch, RetentionPolicy, Scope, SweepDepth, SweepOptions,
};
use media_store_fs::VerifyOptions;
use media_types::StorageReference;

use crate::Error;
use crate::place::{ANN, BEN, BYTES_OF_ANN, BYTES_OF_BEN, Place, check, metadata, overwrite};

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
    Held,
    HeldInQuarantine,
    OfLaterVersion,
    OfLaterVersionInQuarantine,
    OfLaterVersionWithEverything,
    OfLaterVersionInQuarantineWithEverything,
}

/// What a scan must not find.
const TRACES: &[&str] = &[ANN, BYTES_OF_ANN];

/// What a deletion must come to.
struct Expected {
    /// Deleted, held, failed, unattributed.
    report: (u64, u64, u64, u64),
    /// What makes the rest go, if the report names something.
    then: Then,
}

/// What becomes of media that is left.
enum Then {
    Clean,
    /// It is deleted by its reference.
    ByReference(StorageReference),
    /// It is deleted with another scope of it.
    ByConversation,
    /// It is on hold: it is there, and goes when it is released.
    Release(StorageReference),
    /// It may be on hold: it stays, whatever is deleted.
    Stays(PathBuf),
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
        Self::Held,
        Self::HeldInQuarantine,
        Self::OfLaterVersion,
        Self::OfLaterVersionInQuarantine,
        Self::OfLaterVersionWithEverything,
        Self::OfLaterVersionInQuarantineWithEverything,
    ];

    fn scope(self) -> Result<Scope, Error> {
        Ok(match self {
            Self::OfLaterVersionWithEverything | Self::OfLaterVersionInQuarantineWithEverything => {
                Scope::All
            }
            _ => Scope::User(ANN.parse()?),
        })
    }
}

pub(crate) async fn prove(case: Case, deduplication: bool) -> Result<(), Error> {
    let place = Place::new(deduplication).await?;
    let expected = prepare(case, &place).await?;
    check(!place.traces(TRACES)?.is_empty(), || {
        "the scan finds nothing before anything is deleted".to_owned()
    })?;
    delete(&place, case.scope()?, expected.report).await?;
    if case.scope()? != Scope::All {
        check(place.has_bens().await?, || {
            "media of Ben is lost".to_owned()
        })?;
    }
    match expected.then {
        Then::Clean => {}
        Then::Stays(file) => {
            let bytes = fs::read(file)?;
            return check(bytes.starts_with(BYTES_OF_ANN.as_bytes()), || {
                "the media has changed".to_owned()
            });
        }
        Then::ByReference(reference) => {
            check(place.file(&reference).exists(), || "it is gone".to_owned())?;
            place.store.delete(&reference).await?;
            sweep(&place).await?;
        }
        Then::ByConversation => {
            let name = format!("conversation-of-{ANN}").parse()?;
            delete(&place, Scope::Conversation(name), (1, 0, 0, 0)).await?;
        }
        Then::Release(reference) => {
            check(place.file(&reference).exists(), || "it is gone".to_owned())?;
            let free = MetadataPatch::new().with_hold(false);
            place.store.update(&reference, free).await?;
            delete(&place, case.scope()?, (1, 0, 0, 0)).await?;
        }
    }
    let left = place.traces(TRACES)?;
    check(left.is_empty(), || format!("left: {left:?}"))
}

async fn delete(place: &Place, scope: Scope, expected: (u64, u64, u64, u64)) -> Result<(), Error> {
    let report = place.store.delete_scope(scope).await?;
    let found = (
        report.deleted,
        report.held,
        report.failed,
        report.unattributed,
    );
    check(found == expected, || format!("{report:?}"))?;
    sweep(place).await
}

async fn sweep(place: &Place) -> Result<(), Error> {
    let full = SweepOptions::new().with_depth(SweepDepth::Full);
    place.store.sweep(full).await?;
    Ok(())
}

fn of_ann() -> Result<MediaMetadata, Error> {
    metadata(ANN)
}

fn expiring(user: &str) -> Result<MediaMetadata, Error> {
    Ok(metadata(user)?.with_retention(RetentionPolicy::RetainHours(5)))
}

fn give_to(user: &str) -> Result<MetadataPatch, Error> {
    Ok(MetadataPatch::new().with_user(Some(user.parse()?)))
}

/// A report of deletions alone, after which nothing is left.
fn deleted(count: u64) -> Expected {
    left((count, 0, 0, 0), Then::Clean)
}

fn left(report: (u64, u64, u64, u64), then: Then) -> Expected {
    Expected { report, then }
}

async fn prepare(case: Case, place: &Place) -> Result<Expected, Error> {
    match case {
        Case::Stored
        | Case::Expiring
        | Case::SharedWithBen
        | Case::Duplicated
        | Case::GivenToBen
        | Case::GivenToAnn
        | Case::RetentionChanged => changed(case, place).await,
        Case::DiedWhileGiven | Case::DiedWhileStored | Case::DiedInStaging | Case::MovedByHand => {
            interrupted(case, place).await
        }
        Case::SidecarDamaged | Case::SidecarLost | Case::SidecarRebuilt => {
            damaged(case, place).await
        }
        Case::Quarantined
        | Case::QuarantinedByFirstVersion
        | Case::QuarantinedWithDamagedSidecar => quarantined(case, place).await,
        _ => held(case, place).await,
    }
}

async fn changed(case: Case, place: &Place) -> Result<Expected, Error> {
    let store = &place.store;
    match case {
        Case::Expiring => {
            place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
        }
        Case::SharedWithBen => {
            place.put(BYTES_OF_BEN, expiring(ANN)?).await?;
        }
        Case::Duplicated => {
            let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
            store
                .duplicate(&one, DuplicateOptions::new(of_ann()?))
                .await?;
            return Ok(deleted(2));
        }
        Case::GivenToBen => {
            // Only the id was of Ann, and the bytes stay.
            let metadata = expiring(BEN)?.with_user(ANN.parse()?);
            let one = place.put(BYTES_OF_BEN, metadata).await?;
            store.update(&one, give_to(BEN)?).await?;
            place.put(BYTES_OF_ANN, of_ann()?).await?;
        }
        Case::GivenToAnn => {
            let one = place.put(BYTES_OF_ANN, expiring(BEN)?).await?;
            store.update(&one, give_to(ANN)?).await?;
        }
        Case::RetentionChanged => {
            let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
            for hours in [3, 4] {
                let retention = RetentionPolicy::RetainHours(hours);
                let patch = MetadataPatch::new().with_retention(retention);
                store.update(&one, patch).await?;
            }
        }
        _ => {
            place.put(BYTES_OF_ANN, of_ann()?).await?;
        }
    }
    Ok(deleted(1))
}

async fn interrupted(case: Case, place: &Place) -> Result<Expected, Error> {
    match case {
        Case::DiedWhileGiven => {
            let metadata = expiring(BEN)?.with_user(ANN.parse()?);
            let one = place.put(BYTES_OF_BEN, metadata).await?;
            let old = fs::read(place.sidecar(&one))?;
            place.store.update(&one, give_to(BEN)?).await?;
            // The sidecar was replaced, and the hint not yet.
            overwrite(&place.only(".store/expiry", "")?, old)?;
            Ok(deleted(0))
        }
        Case::DiedWhileStored => {
            let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
            fs::remove_file(place.file(&one))?;
            Ok(deleted(0))
        }
        Case::DiedInStaging => {
            let dead = place.media().join(".store/tmp/00000000000000000000000000");
            fs::create_dir(&dead)?;
            fs::write(dead.join("lock"), "")?;
            let token = "11111111111111111111111111";
            fs::write(dead.join(token), BYTES_OF_ANN)?;
            fs::write(dead.join(format!("{token}.meta")), ANN)?;
            Ok(deleted(0))
        }
        _ => {
            place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
            let session = place.media().join("session");
            let name = format!("conversation-of-{ANN}");
            fs::rename(session.join(name), session.join("elsewhere"))?;
            Ok(deleted(1))
        }
    }
}

async fn damaged(case: Case, place: &Place) -> Result<Expected, Error> {
    let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
    let sidecar = place.sidecar(&one);
    if let Case::SidecarDamaged = case {
        overwrite(&sidecar, "{")?;
    } else {
        fs::remove_file(&sidecar)?;
    }
    if let Case::SidecarRebuilt = case {
        let report = place.store.verify(VerifyOptions::new().with_repair(true));
        let report = report.await?;
        check(report.repaired == 1, || format!("{report:?}"))?;
        return Ok(left((0, 0, 0, 1), Then::ByConversation));
    }
    Ok(left((0, 0, 1, 0), Then::ByReference(one)))
}

async fn quarantined(case: Case, place: &Place) -> Result<Expected, Error> {
    let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
    place.quarantine(&one).await?;
    let quarantine = place.media().join(".store/quarantine");
    let sidecar = place.only(".store/quarantine", ".meta")?;
    match case {
        Case::QuarantinedByFirstVersion => {
            let media = place.only(".store/quarantine", ".png")?;
            for file in [media, sidecar] {
                let name = file.file_name().ok_or("a file has a name")?;
                fs::rename(&file, quarantine.join(name))?;
            }
        }
        Case::QuarantinedWithDamagedSidecar => {
            // Whose it is is lost, and it stays until it is old enough.
            overwrite(&sidecar, "{")?;
            let media = place.only(".store/quarantine", ".png")?;
            return Ok(left((0, 0, 1, 0), Then::Stays(media)));
        }
        _ => {}
    }
    Ok(deleted(1))
}

async fn held(case: Case, place: &Place) -> Result<Expected, Error> {
    let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
    let hold = MetadataPatch::new().with_hold(true);
    place.store.update(&one, hold).await?;
    let (mut media, mut sidecar) = (place.file(&one), place.sidecar(&one));
    if matches!(
        case,
        Case::HeldInQuarantine
            | Case::OfLaterVersionInQuarantine
            | Case::OfLaterVersionInQuarantineWithEverything
    ) {
        place.quarantine(&one).await?;
        media = place.only(".store/quarantine", ".png")?;
        sidecar = place.only(".store/quarantine", ".meta")?;
    }
    match case {
        Case::Held => return Ok(left((0, 1, 0, 0), Then::Release(one))),
        Case::HeldInQuarantine => return Ok(left((0, 1, 0, 0), Then::Stays(media))),
        _ => {}
    }
    let json = fs::read_to_string(&sidecar)?;
    let later = json.replace("\"format_version\": 2", "\"format_version\": 9");
    check(later != json, || json)?;
    overwrite(&sidecar, later)?;
    // With everything, the item of Ben goes.
    let bens = u64::from(case.scope()? == Scope::All);
    Ok(left((bens, 0, 1, 0), Then::Stays(media)))
}
