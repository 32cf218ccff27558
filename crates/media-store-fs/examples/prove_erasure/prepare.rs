//! What is done to media before its user is deleted.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use media_storage::{
    DuplicateOptions, MediaMetadata, MediaStorage as _, MetadataPatch, RetentionPolicy, Scope,
};
use media_store_fs::VerifyOptions;

use crate::Error;
use crate::case::{Case, Expected, Then};
use crate::killed::while_emptied;
use crate::place::{ANN, BEN, BYTES_OF_ANN, BYTES_OF_BEN, Place, check, metadata, overwrite};

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

pub(crate) async fn prepare(case: Case, place: &Place) -> Result<Expected, Error> {
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
        | Case::QuarantinedWithDamagedSidecar
        | Case::QuarantinedExpiring
        | Case::DiedWhileQuarantined
        | Case::PutBackFromQuarantine
        | Case::KilledWhileDeletedInQuarantine => quarantined(case, place).await,
        Case::DiedBeforeQuarantined | Case::DiedBeforeQuarantinedAndGiven => {
            linked(case, place).await
        }
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
            return Ok(left((0, 0, 1, 0), stays([media, sidecar])?));
        }
        Case::QuarantinedExpiring => return Ok(left((0, 0, 0, 0), Then::AtOnce(one))),
        Case::DiedWhileQuarantined => {
            // Both are there, and the first name of the sidecar was not removed yet.
            fs::create_dir_all(parent(&place.sidecar(&one))?)?;
            fs::hard_link(&sidecar, place.sidecar(&one))?;
        }
        Case::PutBackFromQuarantine => {
            fs::create_dir_all(parent(&place.sidecar(&one))?)?;
            fs::copy(&sidecar, place.sidecar(&one))?;
            fs::write(place.file(&one), BYTES_OF_ANN)?;
            return Ok(left((0, 0, 0, 0), Then::AtOnce(one)));
        }
        Case::KilledWhileDeletedInQuarantine => {
            return Ok(deleted(while_emptied(place, &one)?));
        }
        _ => {}
    }
    Ok(deleted(1))
}

/// A verification was killed when the sidecar had its new name, and the media was still at its place.
async fn linked(case: Case, place: &Place) -> Result<Expected, Error> {
    let metadata = expiring(BEN)?.with_user(ANN.parse()?);
    let (bytes, metadata) = match case {
        Case::DiedBeforeQuarantined => (BYTES_OF_ANN, expiring(ANN)?),
        // Only the id was of Ann, and the bytes stay.
        _ => (BYTES_OF_BEN, metadata),
    };
    let one = place.put(bytes, metadata).await?;
    let day = Utc::now().format("%Y-%m-%d").to_string();
    let day = place.media().join(".store/quarantine").join(day);
    fs::create_dir_all(&day)?;
    let new = format!("{}-{}.meta", "0".repeat(26), one.file_name());
    fs::hard_link(place.sidecar(&one), day.join(new))?;
    if let Case::DiedBeforeQuarantined = case {
        return Ok(left((0, 0, 0, 0), Then::AtOnce(one)));
    }
    place.store.update(&one, give_to(BEN)?).await?;
    // The scan needs something that it finds.
    let other = place.put(BYTES_OF_ANN, of_ann()?).await?;
    Ok(left((0, 0, 0, 0), Then::AtOnce(other)))
}

async fn held(case: Case, place: &Place) -> Result<Expected, Error> {
    let one = place.put(BYTES_OF_ANN, expiring(ANN)?).await?;
    let (mut media, mut sidecar) = (place.file(&one), place.sidecar(&one));
    let free = fs::read(&sidecar)?;
    let hold = MetadataPatch::new().with_hold(true);
    place.store.update(&one, hold).await?;
    if !matches!(
        case,
        Case::Held | Case::OfLaterVersion | Case::OfLaterVersionWithEverything
    ) {
        place.quarantine(&one).await?;
        media = place.only(".store/quarantine", ".png")?;
        sidecar = place.only(".store/quarantine", ".meta")?;
    }
    match case {
        Case::Held | Case::HeldInQuarantine => {}
        Case::HeldTwiceInQuarantine => {
            // As it is if media was put back by hand, released, and quarantined again.
            let name = sidecar.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| name.get(26..)).ok_or("a token")?;
            let token = "0".repeat(26);
            fs::write(sidecar.with_file_name(token + name), free)?;
        }
        Case::HeldByWhatAnEarlierVersionLeft => {
            fs::create_dir_all(parent(&place.sidecar(&one))?)?;
            fs::rename(&sidecar, place.sidecar(&one))?;
        }
        _ => return of_later_version(case, place, [media, sidecar]),
    }
    check(media.exists(), || "it is gone".to_owned())?;
    Ok(left((0, 1, 0, 0), Then::Release(one)))
}

fn of_later_version(case: Case, place: &Place, files: [PathBuf; 2]) -> Result<Expected, Error> {
    let sidecar = &files[1];
    let json = fs::read_to_string(sidecar)?;
    let later = json.replace("\"format_version\": 2", "\"format_version\": 9");
    check(later != json, || json)?;
    overwrite(sidecar, later)?;
    // That version has renewed the hint as well.
    if let Ok(hint) = place.only(".store/expiry", "") {
        fs::remove_file(&hint)?;
        fs::hard_link(sidecar, hint)?;
    }
    // With everything, the item of Ben goes.
    let bens = u64::from(case.scope()? == Scope::All);
    Ok(left((bens, 0, 1, 0), stays(files)?))
}

/// These files stay as they are.
fn stays(files: [PathBuf; 2]) -> Result<Then, Error> {
    let mut all = Vec::new();
    for file in files {
        let bytes = fs::read(&file)?;
        all.push((file, bytes));
    }
    Ok(Then::Stays(all))
}

fn parent(path: &Path) -> Result<&Path, Error> {
    Ok(path.parent().ok_or("a file has a parent")?)
}
