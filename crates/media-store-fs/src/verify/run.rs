//! The steps of a verification.

use chrono::Utc;
use media_storage::backend::CancelFlag;
use media_storage::{
    DamagedMedia, Operation, Scope, StorageError, VerifyIssueKind, VerifyOptions, VerifyReport,
};

use super::blobs;
use super::hashes::Hashes;
use super::media;
use crate::orphan::is_alone;
use crate::shared::Shared;
use crate::sys;
use crate::walk::{Found, Walk};

pub(crate) fn verify(
    shared: &Shared,
    options: VerifyOptions,
    cancelled: &CancelFlag,
) -> Result<VerifyReport, StorageError> {
    let operation = Operation::Verify;
    if options.repair() || options.damaged() == DamagedMedia::Quarantine {
        shared.check_writable(operation)?;
    }
    shared.check_base(operation)?;
    let io = |error| shared.io(operation, "", error);
    let (mut report, mut hashes) = (VerifyReport::default(), Hashes::default());
    for found in Walk::new(shared, &Scope::All, cancelled).map_err(io)? {
        match found.map_err(io)? {
            Found::Media(media) => {
                report.references += 1;
                let now = Utc::now();
                let mut check = media::Check {
                    shared,
                    options,
                    now,
                    report: &mut report,
                    hashes: &mut hashes,
                };
                match check.run(&media) {
                    Ok(()) => {}
                    Err(error) if sys::is_not_found(&error) => report.references -= 1,
                    Err(_) => report.add(media.key.path(), VerifyIssueKind::Unreadable),
                }
            }
            Found::Sidecar(sidecar) => {
                let (dir, file) = (sidecar.directory.dir(), &sidecar.key.file);
                if is_alone(dir, file).unwrap_or(false) {
                    let path = sidecar.key.sidecar_path();
                    report.add(path, VerifyIssueKind::OrphanSidecar);
                }
            }
            Found::Unreadable(path, _) => report.add(path, VerifyIssueKind::Unreadable),
            Found::Foreign(path) => report.add(path, VerifyIssueKind::Foreign),
            Found::End(..) => {}
        }
    }
    blobs::check(shared, options, &mut report, &mut hashes, cancelled).map_err(io)?;
    Ok(report)
}
