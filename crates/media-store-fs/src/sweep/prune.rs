//! Deleting the oldest media until the rest fits.

use std::collections::{BTreeMap, HashMap};
use std::io;

use media_storage::{Operation, Scope, Sidecar};

use super::state::{Outcome, Sweep};
use crate::error::io_error;
use crate::sidecar_file::sidecar_of;
use crate::sys::{self, BodyId};
use crate::walk::{Found, Located, Walk};

/// Time of store and body of a reference.
type Known = (i64, BodyId);

/// Deletes the oldest references until the bytes that remain fit.
///
/// Needs 40 bytes of memory per reference while it runs.
pub(super) fn prune(sweep: &mut Sweep<'_>, capacity: u64) -> io::Result<()> {
    let quota = quota(collect(sweep)?, capacity, sweep.budget);
    if quota.is_empty() {
        return Ok(());
    }
    delete(sweep, quota)
}

/// Returns the sidecar of media that may be pruned.
fn candidate(sweep: &Sweep<'_>, media: &Located) -> Option<Box<Sidecar>> {
    match sidecar_of(media.directory.dir(), &media.key) {
        Ok(Some(sidecar)) if !sweep.is_pretended(&sidecar) => Some(sidecar),
        _ => None,
    }
}

fn collect(sweep: &Sweep<'_>) -> io::Result<Vec<Known>> {
    let mut all = Vec::new();
    for found in Walk::new(sweep.shared, &Scope::All, sweep.cancelled)? {
        if let Found::Media(media) = found?
            && let Some(sidecar) = candidate(sweep, &media)
            && let Ok(stat) = sys::stat(media.directory.dir(), media.key.file.as_str())
        {
            let at = if sidecar.hold {
                i64::MAX
            } else {
                sidecar.stored_at.timestamp_millis()
            };
            all.push((at, stat.body_id()));
        }
    }
    Ok(all)
}

/// Returns the number of references to delete for each time of store.
fn quota(mut all: Vec<Known>, capacity: u64, mut budget: u64) -> BTreeMap<i64, u64> {
    all.sort_unstable();
    let mut holders: HashMap<BodyId, u64> = HashMap::new();
    let mut stored = 0_u64;
    for (_, body) in &all {
        let count = holders.entry(*body).or_default();
        if *count == 0 {
            stored += body.len;
        }
        *count += 1;
    }
    let mut quota: BTreeMap<i64, u64> = BTreeMap::new();
    for (at, body) in &all {
        // Media on hold is counted, but not deleted.
        if stored <= capacity || budget == 0 || *at == i64::MAX {
            break;
        }
        budget -= 1;
        *quota.entry(*at).or_default() += 1;
        if let Some(count) = holders.get_mut(body) {
            *count -= 1;
            if *count == 0 {
                stored -= body.len;
            }
        }
    }
    quota
}

fn delete(sweep: &mut Sweep<'_>, mut quota: BTreeMap<i64, u64>) -> io::Result<()> {
    for found in Walk::new(sweep.shared, &Scope::All, sweep.cancelled)? {
        let Found::Media(media) = found? else {
            continue;
        };
        let Some(sidecar) = candidate(sweep, &media).filter(|sidecar| !sidecar.hold) else {
            continue;
        };
        let at = sidecar.stored_at.timestamp_millis();
        let Some(left) = quota.get_mut(&at).filter(|left| **left > 0) else {
            continue;
        };
        *left -= 1;
        match sweep.delete(&media.key, &sidecar, |_| true) {
            Ok(Outcome::Deleted) => sweep.report.pruned += 1,
            Ok(Outcome::Held) => sweep.report.held += 1,
            Ok(Outcome::Absent | Outcome::Spared) => {}
            Err(error) => {
                sweep.fail(io_error(Operation::Sweep, error).with_key(media.key.path()))?;
            }
        }
    }
    Ok(())
}
