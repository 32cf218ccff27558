//! Summing up what is stored.

use std::collections::HashSet;

use media_storage::backend::CancelFlag;
use media_storage::{Operation, Scope, StorageError, StorageErrorKind, Usage};

use crate::error::io_error;
use crate::key::Key;
use crate::options::Deduplication;
use crate::shared::Shared;
use crate::sidecar_file::sidecar_of;
use crate::sys::{self, BodyId};
use crate::walk::{Found, Located, Walk};

pub(crate) fn usage(
    shared: &Shared,
    scope: &Scope,
    cancelled: &CancelFlag,
) -> Result<Usage, StorageError> {
    let io = |error| shared.io(Operation::Usage, "", error);
    let mut sum = Sum {
        scope,
        deduplication: shared.config.deduplication,
        usage: Usage::default(),
        shared_bodies: HashSet::new(),
    };
    for found in Walk::new(shared, scope, cancelled).map_err(io)? {
        match found.map_err(io)? {
            Found::Media(media) => sum.add(&media)?,
            Found::Unreadable(path, error) => {
                return Err(io_error(Operation::Usage, error).with_key(path));
            }
            _ => {}
        }
    }
    let quarantined = if *scope == Scope::All {
        shared.quarantine.count(cancelled, |_| true)
    } else {
        let survey = shared
            .quarantine
            .survey(cancelled, |sidecar| sidecar.is_in(scope))
            .map_err(io)?;
        shared
            .quarantine
            .count(cancelled, |entry| survey.chooses(entry))
    };
    let quarantined = quarantined.map_err(io)?;
    sum.usage.quarantined = quarantined.media;
    sum.usage.quarantined_bytes = quarantined.bytes;
    shared.check_base(Operation::Usage)?;
    Ok(sum.usage)
}

/// Counts the media in quarantine that is in a scope, or may be.
pub(crate) fn quarantined(
    shared: &Shared,
    scope: &Scope,
    cancelled: &CancelFlag,
) -> Result<u64, StorageError> {
    let io = |error| shared.io(Operation::Usage, "", error);
    let survey = shared
        .quarantine
        .survey(cancelled, |sidecar| sidecar.is_in(scope))
        .map_err(io)?;
    let counted = shared.quarantine.count(cancelled, |entry| {
        survey.chooses(entry) || !survey.is_known(entry)
    });
    let counted = counted.map_err(io)?;
    shared.check_base(Operation::Usage)?;
    Ok(counted.media + counted.failed)
}

struct Sum<'a> {
    scope: &'a Scope,
    deduplication: Deduplication,
    usage: Usage,
    /// Files with several names.
    shared_bodies: HashSet<BodyId>,
}

impl Sum<'_> {
    fn add(&mut self, media: &Located) -> Result<(), StorageError> {
        if !self.is_in_scope(media)? {
            return Ok(());
        }
        let Key { file, .. } = &media.key;
        let stat = match sys::stat(media.directory.dir(), file.as_str()) {
            // What is not a file under the name of media is not a reference.
            Ok(stat) if !stat.is_file => return Ok(()),
            Ok(stat) => stat,
            Err(error) if sys::is_not_found(&error) => return Ok(()),
            Err(error) => {
                return Err(io_error(Operation::Usage, error).with_key(media.key.path()));
            }
        };
        let usage = &mut self.usage;
        usage.references += 1;
        usage.logical_bytes += stat.len;
        let alone = stat.links == 1;
        if alone || self.shared_bodies.insert(stat.body_id()) {
            usage.blobs += 1;
            usage.stored_bytes += stat.len;
        }
        if alone && self.deduplication == Deduplication::On {
            usage.copies += 1;
        }
        Ok(())
    }

    fn is_in_scope(&self, media: &Located) -> Result<bool, StorageError> {
        if *self.scope == Scope::All {
            return Ok(true);
        }
        match sidecar_of(media.directory.dir(), &media.key) {
            Ok(sidecar) => Ok(sidecar.is_some_and(|sidecar| sidecar.is_in(self.scope))),
            // Its scope is unknown, so it counts for the whole store only.
            Err(error) if error.kind() == StorageErrorKind::Corrupted => Ok(false),
            Err(error) => Err(error.with_operation(Operation::Usage)),
        }
    }
}
