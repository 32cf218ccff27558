//! Deleting what a case has prepared, and the scan.

use std::fs;
use std::path::{Path, PathBuf};

use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, MetadataPatch, Scope, SweepDepth,
    SweepOptions,
};

use crate::Error;
use crate::case::{Case, Then};
use crate::place::{ANN, BYTES_OF_ANN, Place, check};
use crate::prepare::prepare;

/// What a scan must not find.
const TRACES: &[&str] = &[ANN, BYTES_OF_ANN];

pub(crate) async fn prove(case: Case, deduplication: bool) -> Result<(), Error> {
    let place = Place::new(deduplication).await?;
    let expected = prepare(case, &place).await?;
    check(!place.traces(TRACES)?.is_empty(), || {
        "the scan finds nothing before anything is deleted".to_owned()
    })?;
    if let Then::AtOnce(reference) = &expected.then {
        place.store.delete(reference).await?;
        let mut left = place.traces(TRACES)?;
        // The bytes as they were before they were damaged, which a sweep frees.
        left.retain(|path| !is_blob(&place, path));
        check(left.is_empty(), || format!("left at once: {left:?}"))?;
    }
    delete(&place, case.scope()?, expected.report).await?;
    if case.scope()? != Scope::All {
        check(place.has_bens().await?, || {
            "media of Ben is lost".to_owned()
        })?;
    }
    match expected.then {
        Then::Clean | Then::AtOnce(_) => {}
        Then::Stays(files) => return stays(&place, &files),
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
            let free = MetadataPatch::new().with_hold(false);
            place.store.update(&reference, free).await?;
            delete(&place, case.scope()?, (1, 0, 0, 0)).await?;
        }
    }
    let left = place.traces(TRACES)?;
    check(left.is_empty(), || format!("left: {left:?}"))
}

/// Whether exactly these files are left, unchanged, with the directories that lead there and the blobs of their bytes.
fn stays(place: &Place, files: &[(PathBuf, Vec<u8>)]) -> Result<(), Error> {
    for (path, bytes) in files {
        let found = fs::read(path)?;
        check(found == *bytes, || format!("{path:?} has changed"))?;
    }
    let mut left = place.traces(TRACES)?;
    check(!left.is_empty(), || "the scan finds nothing".to_owned())?;
    left.retain(|path| {
        let leads = |(file, _): &(PathBuf, Vec<u8>)| file.starts_with(path);
        let is_same = |(_, bytes): &(PathBuf, Vec<u8>)| fs::read(path).is_ok_and(|b| b == *bytes);
        let is_copy = is_blob(place, path) && files.iter().any(is_same);
        !(is_copy || files.iter().any(leads))
    });
    check(left.is_empty(), || format!("left beside it: {left:?}"))
}

fn is_blob(place: &Place, path: &Path) -> bool {
    path.starts_with(place.media().join(".store/blobs"))
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
