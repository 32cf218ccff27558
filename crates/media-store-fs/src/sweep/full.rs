//! What only a walk over everything finds.

use std::io;

use cap_std::fs::Dir;
use media_storage::{Operation, Scope, Sidecar};

use super::state::{Outcome, Sweep};
use crate::blobs::remove_unreferenced;
use crate::error::io_error;
use crate::expiry::{is_bucket_of, read_hint};
use crate::key::Key;
use crate::lock;
use crate::orphan::{is_alone, is_orphan};
use crate::sidecar_file::{SidecarState, read_sidecar, sidecar_of};
use crate::sys;
use crate::walk::{Found, Located, Walk};

/// Removes media that has expired, sidecars whose media does not exist and directories that are empty, and
/// creates missing hints.
pub(super) fn media(sweep: &mut Sweep<'_>) -> io::Result<()> {
    for found in Walk::new(sweep.shared, &Scope::All, sweep.cancelled)? {
        match found? {
            Found::Media(media) => expire(sweep, &media)?,
            Found::Sidecar(sidecar) => match orphan(sweep, sidecar.directory.dir(), &sidecar.key) {
                Err(error) if !sys::is_not_found(&error) => {
                    let error = io_error(Operation::Sweep, error);
                    sweep.fail(error.with_key(sidecar.key.sidecar_path()))?;
                }
                _ => {}
            },
            Found::Unreadable(path, error) => {
                sweep.fail(io_error(Operation::Sweep, error).with_key(path))?;
            }
            Found::End(_, path) => sweep.ended(&path),
            Found::Foreign(_) => {}
        }
    }
    Ok(())
}

fn expire(sweep: &mut Sweep<'_>, media: &Located) -> io::Result<()> {
    let (dir, key) = (media.directory.dir(), &media.key);
    let sidecar = match sidecar_of(dir, key) {
        Ok(Some(sidecar)) => sidecar,
        Ok(None) => return Ok(()),
        // The directory may be being removed by hand; `verify` finds what stays without a sidecar.
        Err(_) if sys::is_absent(&sys::stat(dir, &key.file.sidecar())) => return Ok(()),
        // When it expires is unknown.
        Err(error) => return sweep.fail(error.with_operation(Operation::Sweep)),
    };
    if sidecar.stored_at > sweep.now {
        sweep.report.future += 1;
    } else if sidecar.is_expired(sweep.now) {
        if sweep.budget > 0 {
            let deleted = sweep.delete_expired(key, &sidecar);
            if deleted.is_ok() {
                sweep.succeeded();
            }
            match deleted {
                Ok(Outcome::Deleted) => sweep.report.expired += 1,
                Ok(Outcome::Held) => sweep.report.held += 1,
                Ok(Outcome::Absent | Outcome::Spared) => {}
                Err(error) => {
                    sweep.fail(io_error(Operation::Sweep, error).with_key(key.path()))?;
                }
            }
        }
        return Ok(());
    }
    sweep.succeeded();
    if let Some(at) = sidecar.expires_at
        && sweep.removes()
    {
        let meta = key.file.sidecar();
        let expiry = &sweep.shared.expiry;
        let _ = expiry.add(dir, &meta, key.file.id(), at, &sidecar);
    }
    Ok(())
}

/// Removes a sidecar if its media does not exist, no process is about to publish it, and it still
/// does not exist.
fn orphan(sweep: &mut Sweep<'_>, dir: &Dir, key: &Key) -> io::Result<()> {
    if !is_alone(dir, &key.file)? {
        return Ok(());
    }
    let permissions = sweep.shared.config.permissions;
    let _lock = lock::take(sweep.shared.own(), permissions)?;
    if !is_orphan(sweep.shared, dir, &key.file)? {
        return Ok(());
    }
    if sweep.removes() {
        // It may hold media that is there without it.
        if sweep.shared.quarantine.adopt(dir, &key.file, sweep.now)? {
            sweep.shared.directories.remove_empty(&key.directory);
            return Ok(());
        }
        dir.remove_file(key.file.sidecar())?;
        sweep.shared.directories.remove_empty(&key.directory);
    }
    sweep.report.orphans += 1;
    Ok(())
}

/// Removes hints whose media does not exist, and renews those that are not of the sidecar as it is now.
pub(super) fn hints(sweep: &mut Sweep<'_>) -> io::Result<()> {
    let shared = sweep.shared;
    let is_absent = |id: &str| sys::is_absent(&sys::stat(shared.base(), id));
    for name in shared.expiry.buckets()? {
        let Ok(bucket) = shared.expiry.open(&name) else {
            continue;
        };
        for entry in bucket.entries()? {
            sweep.cancelled.check().map_err(io::Error::other)?;
            let Ok(token) = entry?.file_name().into_string() else {
                continue;
            };
            let live = match read_hint(&bucket, &token) {
                Ok(Some(hinted)) if is_absent(&hinted.id) => {
                    // Whoever has nothing staged any more may have published in between.
                    shared.stagings.is_staged(&token)? || !is_absent(&hinted.id)
                }
                Ok(Some(hinted)) => {
                    let hint = Hint {
                        hour: &name,
                        bucket: &bucket,
                        token: &token,
                    };
                    renew(sweep, &hint, &hinted)?;
                    true
                }
                Ok(None) => false,
                Err(_) => true,
            };
            if !live && sweep.removes() {
                let _ = bucket.remove_file(&token);
            }
        }
        if sweep.removes() {
            shared.expiry.remove_empty(&name);
        }
    }
    Ok(())
}

/// A hint that was found.
struct Hint<'a> {
    hour: &'a str,
    bucket: &'a Dir,
    token: &'a str,
}

/// Renews a hint that an interrupted change left: it is a name of the old sidecar, with ids that the media may
/// not have any more.
fn renew(sweep: &mut Sweep<'_>, hint: &Hint<'_>, hinted: &Sidecar) -> io::Result<()> {
    let Ok(key) = Key::parse(&hinted.id, Operation::Sweep) else {
        return Ok(());
    };
    let (shared, removes) = (sweep.shared, sweep.removes());
    let renewed = (|| {
        let beside = sys::stat(shared.base(), &key.sidecar_path())?;
        let is_link = sys::stat(hint.bucket, hint.token)?.identity == beside.identity;
        let read = || read_sidecar(shared.base(), &key.sidecar_path(), &key.file);
        // Where there are no links, it is a copy.
        let is_current = is_link || matches!(read()?, SidecarState::Valid(now) if *now == *hinted);
        let has_place = |at| hint.token == key.file.id() && is_bucket_of(hint.hour, at);
        if (is_current && has_place(hinted.expires_at)) || !removes {
            return Ok(());
        }
        let _lock = lock::take(shared.own(), shared.config.permissions)?;
        let SidecarState::Valid(now) = read()? else {
            return Ok(());
        };
        let directory = shared.directories.existing(&key.directory)?;
        let (dir, meta) = (directory.dir(), key.file.sidecar());
        shared
            .expiry
            .replace(dir, &meta, key.file.id(), None, &now)?;
        match has_place(now.expires_at) {
            true => Ok(()),
            false => hint.bucket.remove_file(hint.token),
        }
    })();
    match renewed {
        Err(error) if !sys::is_not_found(&error) => {
            sweep.fail(io_error(Operation::Sweep, error).with_key(hint.token))
        }
        _ => Ok(()),
    }
}

/// Removes quarantined media that has expired, or that has been there long enough.
pub(super) fn quarantine(sweep: &mut Sweep<'_>) -> io::Result<()> {
    let (quarantine, now) = (&sweep.shared.quarantine, sweep.now);
    let retention = sweep.shared.config.quarantine_retention;
    // What is moved there in the meantime would have an unknown sidecar.
    let permissions = sweep.shared.config.permissions;
    let lock = lock::share(sweep.shared.own(), permissions)?;
    let survey = quarantine.survey(sweep.cancelled, |sidecar| sidecar.is_expired(now))?;
    let expired = quarantine.remove(sweep.cancelled, &survey, sweep.mode, |entry| {
        survey.chooses(entry) || survey.is_alone(entry) || entry.is_useless()
    })?;
    let old = quarantine.remove(sweep.cancelled, &survey, sweep.mode, |entry| {
        !survey.chooses(entry) && entry.is_older_than(retention, now)
    })?;
    drop(lock);
    if sweep.removes() && quarantine.has_old_entries()? {
        let _lock = lock::take(sweep.shared.own(), permissions)?;
        quarantine.date_old_entries(now)?;
    }
    let report = &mut sweep.report;
    report.expired += expired.media;
    report.quarantined += old.media;
    report.freed_bytes += expired.bytes + old.bytes;
    report.held += expired.held + old.held;
    report.failed += expired.failed + old.failed;
    Ok(())
}

pub(super) fn blobs(sweep: &mut Sweep<'_>) -> io::Result<()> {
    let removed = remove_unreferenced(&sweep.shared.blobs, sweep.mode, sweep.cancelled)?;
    sweep.report.blobs += removed.files;
    sweep.report.freed_bytes += removed.bytes;
    sweep.report.failed += removed.failed;
    Ok(())
}
