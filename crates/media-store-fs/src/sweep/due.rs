//! What is due by its time, and what ended processes left.

use std::io;

use cap_std::fs::Dir;
use media_storage::Operation;

use super::state::{Outcome, Sweep};
use crate::error::io_error;
use crate::expiry::read_hint;
use crate::key::Key;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::SweepMode;
use crate::sys;

pub(super) fn staging(sweep: &mut Sweep<'_>) -> io::Result<()> {
    let swept = sweep.shared.stagings.sweep(sweep.mode)?;
    sweep.report.staging += swept.files;
    sweep.report.freed_bytes += swept.bytes;
    sweep.report.failed += swept.failed;
    Ok(())
}

/// Deletes what the hints up to the current hour lead to, if it has expired.
pub(super) fn expired(sweep: &mut Sweep<'_>) -> io::Result<()> {
    let expiry = &sweep.shared.expiry;
    for name in expiry.due(sweep.now)? {
        let bucket = match expiry.open(&name) {
            Ok(bucket) => bucket,
            Err(error) if sys::is_not_found(&error) => continue,
            Err(error) => {
                sweep.fail(io_error(Operation::Sweep, error).with_key(&name))?;
                continue;
            }
        };
        for entry in bucket.entries()? {
            sweep.cancelled.check().map_err(io::Error::other)?;
            if sweep.budget == 0 {
                return Ok(());
            }
            if let Ok(token) = entry?.file_name().into_string() {
                match hint(sweep, &bucket, &token) {
                    Err(error) if sys::is_not_found(&error) => {}
                    Err(error) => {
                        sweep.fail(io_error(Operation::Sweep, error).with_key(&token))?;
                    }
                    Ok(()) => {}
                }
            }
        }
        if sweep.removes() {
            expiry.remove_empty(&name);
        }
    }
    Ok(())
}

fn hint(sweep: &mut Sweep<'_>, bucket: &Dir, token: &str) -> io::Result<()> {
    let mode = sweep.mode;
    let drop_hint = || match mode {
        SweepMode::Remove => bucket.remove_file(token),
        SweepMode::DryRun => Ok(()),
    };
    let Some(hinted) = read_hint(bucket, token)? else {
        return drop_hint();
    };
    let Ok(key) = Key::parse(&hinted.id, Operation::Sweep) else {
        return drop_hint();
    };
    // The sidecar beside the media decides, not the hint.
    let sidecar = match read_sidecar(sweep.shared.base(), &key.sidecar_path(), &key.file)? {
        SidecarState::Valid(sidecar) => sidecar,
        SidecarState::Absent => return drop_hint(),
        SidecarState::Damaged(error) | SidecarState::Later(error) => {
            return sweep.fail(error.with_key(key.path()));
        }
    };
    if sidecar.stored_at > sweep.now {
        sweep.report.future += 1;
        return Ok(());
    }
    if !sidecar.is_expired(sweep.now) {
        return Ok(());
    }
    match sweep.delete_expired(&key, &sidecar)? {
        // Absent media may be about to be published, and its hint stays for it.
        Outcome::Absent | Outcome::Spared => return Ok(()),
        Outcome::Held => {
            sweep.report.held += 1;
            return Ok(());
        }
        Outcome::Deleted => sweep.report.expired += 1,
    }
    match drop_hint() {
        Err(error) if sys::is_not_found(&error) => Ok(()),
        other => other,
    }
}
