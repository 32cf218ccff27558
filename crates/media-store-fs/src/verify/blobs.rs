//! Checking the blobs.

use std::io;

use cap_std::fs::Dir;
use chrono::Utc;
use media_storage::backend::CancelFlag;
use media_storage::{DamagedMedia, ReadData, VerifyIssueKind, VerifyOptions, VerifyReport};
use media_types::Sha256;

use super::hashes::Hashes;
use crate::blobs::CLASSES;
use crate::key::join;
use crate::shared::Shared;
use crate::sys;

pub(super) fn check(
    shared: &Shared,
    options: VerifyOptions,
    report: &mut VerifyReport,
    hashes: &mut Hashes,
    cancelled: &CancelFlag,
) -> io::Result<()> {
    for class in CLASSES {
        let shards = match sys::open_dir(shared.blobs.dir(), class) {
            Err(error) if sys::is_not_found(&error) => continue,
            other => other?,
        };
        for shard in shards.entries()? {
            let Ok(shard) = shard?.file_name().into_string() else {
                continue;
            };
            let path = format!(".store/blobs/{class}/{shard}");
            let Ok(dir) = sys::open_dir(&shards, &shard) else {
                report.add(path, VerifyIssueKind::Foreign);
                continue;
            };
            for blob in dir.entries()? {
                cancelled.check().map_err(io::Error::other)?;
                let Ok(name) = blob?.file_name().into_string() else {
                    continue;
                };
                match check_one(shared, options, report, hashes, &dir, &name, &path) {
                    Err(error) if sys::is_not_found(&error) => {}
                    Err(_) => report.add(join(&path, &name), VerifyIssueKind::Unreadable),
                    Ok(()) => {}
                }
            }
        }
    }
    Ok(())
}

fn check_one(
    shared: &Shared,
    options: VerifyOptions,
    report: &mut VerifyReport,
    hashes: &mut Hashes,
    dir: &Dir,
    name: &str,
    path: &str,
) -> io::Result<()> {
    let Ok(expected) = name.parse::<Sha256>() else {
        report.add(join(path, name), VerifyIssueKind::Foreign);
        return Ok(());
    };
    if !sys::stat(dir, name)?.is_file {
        report.add(join(path, name), VerifyIssueKind::WrongBlob);
        return Ok(());
    }
    // A sample of the references covers the blobs that they share.
    if options.read_data() != ReadData::Everything {
        return Ok(());
    }
    let file = sys::open_file(dir, name)?;
    let mut hashed = hashes.of(&file)?;
    if hashed.sha256 != expected && !hashed.is_certain {
        hashed = hashes.read(&file)?;
    }
    report.read_bytes += hashed.read;
    if hashed.sha256 == expected {
        return Ok(());
    }
    report.add(join(path, name), VerifyIssueKind::WrongBlob);
    if options.damaged() == DamagedMedia::Quarantine {
        // The references that shared it are in quarantine; no new one may share it.
        let examined = sys::stat_file(&file)?.identity;
        let quarantine = &shared.quarantine;
        quarantine.remove_blob(dir, name, examined, Utc::now())?;
    }
    Ok(())
}
