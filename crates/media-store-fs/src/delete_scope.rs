//! Deleting a scope.

use std::io;

use chrono::Utc;
use media_storage::backend::{CancelFlag, FailureLog};
use media_storage::{Operation, Scope, Sidecar, StorageError, StorageErrorKind, SweepReport};

use crate::delete::{Fate, Unreadable, remove_chosen};
use crate::error::io_error;
use crate::key::Key;
use crate::lock;
use crate::orphan::{is_alone, reunite};
use crate::quarantine::Names;
use crate::shared::Shared;
use crate::sidecar_file::sidecar_of;
use crate::staging::SweepMode;
use crate::sys;
use crate::walk::{Found, Located, Walk};

pub(crate) fn delete_scope(
    shared: &Shared,
    scope: &Scope,
    cancelled: &CancelFlag,
) -> Result<SweepReport, StorageError> {
    let operation = Operation::DeleteScope;
    shared.check_writable(operation)?;
    let io = |error| shared.io(operation, "", error);
    let mut deletion = Deletion {
        shared,
        scope,
        report: SweepReport::default(),
        failures: FailureLog::new(),
        quarantined: Names::default(),
    };
    let mut dirty = false;
    for found in Walk::new(shared, scope, cancelled).map_err(io)? {
        match found.map_err(io)? {
            Found::Media(media) => {
                let sidecar = sidecar_of(media.directory.dir(), &media.key);
                dirty |= deletion.media(&media.key, sidecar)?;
            }
            Found::Sidecar(sidecar) => match deletion.reunite(&sidecar) {
                Ok(moved) => dirty |= moved,
                Err(error) => {
                    let error = io_error(operation, error);
                    deletion.fail(error.with_key(sidecar.key.sidecar_path()))?;
                }
            },
            Found::Unreadable(path, error) => {
                deletion.fail(io_error(operation, error).with_key(path))?;
            }
            Found::End(directory, path) if std::mem::take(&mut dirty) => {
                if shared.is_synced() {
                    directory.sync().map_err(io)?;
                }
                shared.directories.remove_empty(&path);
            }
            _ => {}
        }
    }
    deletion.quarantine(cancelled).map_err(io)?;
    deletion.report.failed += deletion.failures.total();
    shared.check_base(operation)?;
    Ok(deletion.report)
}

struct Deletion<'a> {
    shared: &'a Shared,
    scope: &'a Scope,
    report: SweepReport,
    failures: FailureLog,
    quarantined: Names,
}

impl Deletion<'_> {
    fn fail(&mut self, error: StorageError) -> Result<(), StorageError> {
        self.failures
            .record(error.with_operation(Operation::DeleteScope))
    }

    /// Whether media belongs to the scope. Counts it if that is not known.
    fn chooses(&mut self, sidecar: &Sidecar) -> bool {
        let chosen = sidecar.is_in(self.scope);
        let unknown = !chosen && sidecar.may_be_in(self.scope);
        self.report.unattributed += u64::from(unknown);
        chosen
    }

    /// Deletes media if it belongs to the scope. Returns whether something was removed.
    fn media(
        &mut self,
        key: &Key,
        sidecar: Result<Option<Box<Sidecar>>, StorageError>,
    ) -> Result<bool, StorageError> {
        let all = *self.scope == Scope::All;
        match sidecar {
            Ok(Some(sidecar)) if self.chooses(&sidecar) => {}
            Ok(_) => {
                self.failures.reset();
                return Ok(false);
            }
            // Everything is deleted, including what is damaged. What is of a later version fails below.
            Err(error) if all && error.kind() == StorageErrorKind::Corrupted => {}
            Err(error) => return self.fail(error).map(|()| false),
        }
        let unreadable = match all {
            true => Unreadable::Removed,
            false => Unreadable::Fails,
        };
        let (shared, scope) = (self.shared, self.scope);
        let quarantined = std::mem::take(&mut self.quarantined);
        let is_copy_held =
            || quarantined.hold(&shared.quarantine, &key.file, |copy| copy.is_in(scope));
        let chooses = |now: &Sidecar| self.chooses(now);
        let fate = remove_chosen(shared, key, unreadable, chooses, is_copy_held);
        self.quarantined = quarantined;
        match fate {
            Ok(Fate::Removed(removed)) => {
                self.failures.reset();
                self.report.deleted += u64::from(removed.media);
                self.report.freed_bytes += removed.freed;
                Ok(true)
            }
            Ok(Fate::Held) => {
                self.report.held += 1;
                Ok(false)
            }
            Ok(Fate::Spared) => Ok(false),
            // Another process removed it with its directory.
            Err(error) if sys::is_not_found(&error) => Ok(false),
            Err(error) => {
                let error = io_error(Operation::DeleteScope, error).with_key(key.path());
                self.fail(error).map(|()| false)
            }
        }
    }

    /// Brings a sidecar that a move to the quarantine has left at its place to its media. Returns whether it was one.
    fn reunite(&self, sidecar: &Located) -> io::Result<bool> {
        let (shared, file) = (self.shared, &sidecar.key.file);
        let dir = sidecar.directory.dir();
        if !is_alone(dir, file)? || !self.quarantined.contains(&shared.quarantine, file)? {
            return Ok(false);
        }
        let _lock = lock::take(shared.own(), shared.config.permissions)?;
        reunite(shared, dir, file, Utc::now())
    }

    fn quarantine(&mut self, cancelled: &CancelFlag) -> io::Result<()> {
        let (shared, scope) = (self.shared, self.scope);
        let quarantine = &shared.quarantine;
        // What is moved here in the meantime would have an unknown sidecar.
        let _lock = lock::share(shared.own(), shared.config.permissions)?;
        let mut hints = Vec::new();
        let survey = quarantine.survey(cancelled, |sidecar| {
            let chosen = sidecar.is_in(scope);
            if let Some(at) = sidecar.expires_at
                && let Ok(key) = Key::parse(&sidecar.id, Operation::DeleteScope)
                && chosen
                && !sidecar.hold
            {
                hints.push((key, at));
            }
            chosen
        })?;
        let all = *scope == Scope::All;
        let mut unknown = 0;
        let removed = quarantine.remove(cancelled, &survey, SweepMode::Remove, |entry| {
            unknown += u64::from(!all && entry.is_media() && !survey.is_known(entry));
            all || survey.chooses(entry) || entry.is_useless()
        })?;
        // They are further names of the sidecars, and nothing there is found by them. That of media which was put back
        // is of that media.
        for (key, at) in hints {
            if sys::is_absent(&sys::stat(shared.base(), &key.path())) {
                shared.expiry.remove(key.file.id(), at);
            }
        }
        self.report.deleted += removed.media;
        self.report.freed_bytes += removed.bytes;
        self.report.held += removed.held;
        self.report.failed += removed.failed + unknown;
        Ok(())
    }
}
