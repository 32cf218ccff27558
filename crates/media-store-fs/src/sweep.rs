//! Removing what is due: expired media, leftovers of dead processes, orphans, unreferenced blobs.

use std::collections::{BTreeMap, HashMap};
use std::io;

use cap_std::fs::Dir;
use chrono::{DateTime, Utc};
use media_storage::{
    Operation, Scope, Sidecar, StorageError, SweepDepth, SweepOptions, SweepReport,
};
use media_types::Sha256;

use crate::blobs::{CLASSES, blob_path};
use crate::delete::{After, remove};
use crate::directories::MediaDir;
use crate::expiry::read_hint;
use crate::inventory::described;
use crate::retrieve::{Key, SidecarState, read_sidecar};
use crate::shared::Shared;
use crate::staging::SweepMode;
use crate::sys;
use crate::walk::{Next, Visitor, walk};

/// How many references are deleted before their directories are made durable.
const BATCH: usize = 1024;

pub(crate) fn sweep(shared: &Shared, options: &SweepOptions) -> Result<SweepReport, StorageError> {
    let io = |error| shared.io(Operation::Sweep, "", error);
    if sys::is_removed(shared.base()) {
        return Err(shared.absent(Operation::Sweep, ""));
    }
    let now = options.now().unwrap_or_else(Utc::now);
    let mut sweep = Sweep {
        shared,
        now,
        mode: if options.dry_run() {
            SweepMode::DryRun
        } else {
            SweepMode::Remove
        },
        room: options.max_deletes().unwrap_or(u64::MAX),
        report: SweepReport::default(),
        dirty: BTreeMap::new(),
        pretended: HashMap::new(),
    };
    sweep.staging().map_err(io)?;
    if options.depth() == SweepDepth::Full {
        // The walk sees everything that has expired, also what no hint tells.
        sweep.orphans().map_err(io)?;
        sweep.hints().map_err(io)?;
    } else {
        sweep.expired().map_err(io)?;
    }
    if let Some(capacity) = options.capacity().or(shared.config.capacity) {
        sweep.prune(capacity).map_err(io)?;
    }
    if options.depth() == SweepDepth::Full {
        sweep.blobs().map_err(io)?;
    }
    sweep.flush().map_err(io)?;
    Ok(sweep.report)
}

struct Sweep<'a> {
    shared: &'a Shared,
    now: DateTime<Utc>,
    mode: SweepMode,
    room: u64,
    report: SweepReport,
    /// Directories that lost entries, not durable yet.
    dirty: BTreeMap<String, usize>,
    /// How many names a dry run has taken from each inode in thought.
    pretended: HashMap<u64, u64>,
}

impl Sweep<'_> {
    fn staging(&mut self) -> io::Result<()> {
        let swept = self.shared.stagings.sweep(self.mode)?;
        self.report.staging += swept.files;
        self.report.freed_bytes += swept.bytes;
        self.report.failed += swept.failed;
        Ok(())
    }

    /// What the buckets up to this hour hint at.
    fn expired(&mut self) -> io::Result<()> {
        for name in self.shared.expiry.due(self.now)? {
            let bucket = match self.shared.expiry.open(&name) {
                Ok(bucket) => bucket,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => {
                    self.report.failed += 1;
                    continue;
                }
            };
            for entry in bucket.entries()? {
                if self.room == 0 {
                    return Ok(());
                }
                if let Ok(id) = entry?.file_name().into_string() {
                    match self.hint(&bucket, &id) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(_) => self.report.failed += 1,
                        Ok(()) => {}
                    }
                }
            }
            if self.mode == SweepMode::Remove {
                self.shared.expiry.remove_empty(&name);
            }
        }
        Ok(())
    }

    fn hint(&mut self, bucket: &Dir, id: &str) -> io::Result<()> {
        let mode = self.mode;
        let drop_hint = || match mode {
            SweepMode::Remove => bucket.remove_file(id),
            SweepMode::DryRun => Ok(()),
        };
        let Some(hinted) = read_hint(bucket, id)? else {
            return drop_hint();
        };
        let Ok(key) = Key::parse(&hinted.id, Operation::Sweep) else {
            return drop_hint();
        };
        // The sidecar beside the media decides, not the hint.
        let sidecar = match read_sidecar(self.shared.base(), &key.sidecar_path(), &key.file)? {
            SidecarState::Good(sidecar) => sidecar,
            SidecarState::Absent => return drop_hint(),
            SidecarState::Damaged(_) => {
                self.report.failed += 1;
                return Ok(());
            }
        };
        if sidecar.stored_at > self.now {
            self.report.future += 1;
            return Ok(());
        }
        if !sidecar.is_expired(self.now) {
            return Ok(());
        }
        // Absent media may be about to be published; its hint stays for it.
        if !self.delete(&key, &sidecar)? {
            return Ok(());
        }
        self.report.expired += 1;
        match drop_hint() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Deletes one reference, or counts what that would free; whether it was there.
    fn delete(&mut self, key: &Key, sidecar: &Sidecar) -> io::Result<bool> {
        let stat = match sys::stat(self.shared.base(), &key.path()) {
            Err(error) if sys::is_absence(&error) => return Ok(false),
            other => other?,
        };
        let found = match self.mode {
            SweepMode::DryRun => {
                let gone = self.pretended.entry(stat.identity.inode).or_default();
                *gone += 1;
                let left = stat.identity.links.saturating_sub(*gone);
                if left <= self.links_without_references(sidecar.sha256) {
                    self.report.freed_bytes += stat.len;
                }
                true
            }
            SweepMode::Remove => {
                let removed = match remove(
                    self.shared,
                    key,
                    Some(sidecar),
                    Some(sidecar.sha256),
                    After::Later,
                ) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    other => other?,
                };
                self.report.freed_bytes += removed.freed;
                *self.dirty.entry(key.directory.clone()).or_default() += 1;
                if self.dirty.values().sum::<usize>() >= BATCH {
                    self.flush()?;
                }
                removed.media
            }
        };
        if found {
            self.room -= 1;
        }
        Ok(found)
    }

    /// Whether a dry run has counted this as expired already.
    fn is_pretended(&self, sidecar: &Sidecar) -> bool {
        self.mode == SweepMode::DryRun
            && sidecar.is_expired(self.now)
            && sidecar.stored_at <= self.now
    }

    fn links_without_references(&self, sha256: Sha256) -> u64 {
        CLASSES
            .iter()
            .filter(|class| sys::stat(self.shared.blobs.dir(), &blob_path(class, sha256)).is_ok())
            .count() as u64
    }

    /// Makes removals durable; only then may directories that they emptied go, or there would be
    /// nothing left to sync.
    fn flush(&mut self) -> io::Result<()> {
        for (path, _) in std::mem::take(&mut self.dirty) {
            if self.shared.is_synced() {
                self.shared.directories.sync_nearest(&path)?;
            }
            self.shared.directories.remove_empty(&path);
        }
        Ok(())
    }

    /// Drops hints whose media is gone, in all buckets.
    fn hints(&mut self) -> io::Result<()> {
        for name in self.shared.expiry.buckets()? {
            let Ok(bucket) = self.shared.expiry.open(&name) else {
                continue;
            };
            for entry in bucket.entries()? {
                let Ok(id) = entry?.file_name().into_string() else {
                    continue;
                };
                let live = match read_hint(&bucket, &id) {
                    Ok(Some(hinted)) => {
                        !sys::is_absent(&sys::stat(self.shared.base(), &hinted.id))
                            || self.shared.stagings.is_staged(&id)?
                    }
                    Ok(None) => false,
                    Err(_) => true,
                };
                if !live && self.mode == SweepMode::Remove {
                    let _ = bucket.remove_file(&id);
                }
            }
            if self.mode == SweepMode::Remove {
                self.shared.expiry.remove_empty(&name);
            }
        }
        Ok(())
    }

    /// Media that has expired, sidecars whose media is gone; and hints that are missing are made
    /// again.
    fn orphans(&mut self) -> io::Result<()> {
        struct Orphans<'a, 'b>(&'a mut Sweep<'b>);
        impl Visitor for Orphans<'_, '_> {
            fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
                let Ok(Some(sidecar)) = described(directory, key) else {
                    return Next::Go;
                };
                let sweep = &mut *self.0;
                if sidecar.stored_at > sweep.now {
                    sweep.report.future += 1;
                } else if sidecar.is_expired(sweep.now) {
                    if sweep.room > 0 {
                        match sweep.delete(key, &sidecar) {
                            Ok(removed) => sweep.report.expired += u64::from(removed),
                            Err(_) => sweep.report.failed += 1,
                        }
                    }
                    return Next::Go;
                }
                if let Some(at) = sidecar.expires_at
                    && sweep.mode == SweepMode::Remove
                {
                    let meta = key.file.sidecar();
                    let expiry = &sweep.shared.expiry;
                    let _ = expiry.note(directory.dir(), &meta, key.file.id(), at, &sidecar);
                }
                Next::Go
            }
            fn sidecar(&mut self, directory: &MediaDir, key: &Key) -> Next {
                match self.0.orphan(directory, key) {
                    Ok(()) => Next::Go,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Next::Go,
                    Err(_) => {
                        self.0.report.failed += 1;
                        Next::Go
                    }
                }
            }
            fn other(&mut self, _: &str, error: Option<io::Error>) -> Next {
                self.0.report.failed += u64::from(error.is_some());
                Next::Go
            }
        }
        let shared = self.shared;
        walk(shared, &Scope::All, &mut Orphans(self))
    }

    /// A sidecar goes only if its media is absent, nobody is about to publish it, and it is absent
    /// still.
    fn orphan(&mut self, directory: &MediaDir, key: &Key) -> io::Result<()> {
        let absent = || match sys::stat(directory.dir(), key.file.as_str()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
            Ok(_) => Ok(false),
        };
        if !absent()? || self.shared.stagings.is_staged(key.file.id())? || !absent()? {
            return Ok(());
        }
        let meta = key.file.sidecar();
        if self.mode == SweepMode::Remove {
            directory.dir().remove_file(&meta)?;
            self.shared.directories.remove_empty(&key.directory);
        }
        self.report.orphans += 1;
        Ok(())
    }

    fn blobs(&mut self) -> io::Result<()> {
        let found = each_unreferenced_blob(self.shared, self.mode)?;
        self.report.blobs += found.files;
        self.report.freed_bytes += found.bytes;
        self.report.failed += found.failed;
        Ok(())
    }

    /// Deletes the oldest references until the bytes that are left fit.
    ///
    /// Memory: 32 bytes a reference while it runs.
    fn prune(&mut self, capacity: u64) -> io::Result<()> {
        struct Collect<'a, 'b>(&'a Sweep<'b>, Vec<(i64, u64, u64)>);
        impl Visitor for Collect<'_, '_> {
            fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
                if let Ok(Some(sidecar)) = described(directory, key)
                    && !self.0.is_pretended(&sidecar)
                    && let Ok(stat) = sys::stat(directory.dir(), key.file.as_str())
                {
                    let at = sidecar.stored_at.timestamp_millis();
                    self.1.push((at, stat.identity.inode, stat.len));
                }
                Next::Go
            }
        }
        let mut collect = Collect(self, Vec::new());
        walk(self.shared, &Scope::All, &mut collect)?;
        let mut all = collect.1;
        all.sort_unstable();
        let mut holders: HashMap<u64, u64> = HashMap::new();
        let mut stored = 0_u64;
        for (_, inode, len) in &all {
            let count = holders.entry(*inode).or_default();
            if *count == 0 {
                stored += len;
            }
            *count += 1;
        }
        // How many references of each time have to go.
        let mut quota: BTreeMap<i64, u64> = BTreeMap::new();
        let mut room = self.room;
        for (at, inode, len) in &all {
            if stored <= capacity || room == 0 {
                break;
            }
            room -= 1;
            *quota.entry(*at).or_default() += 1;
            if let Some(count) = holders.get_mut(inode) {
                *count -= 1;
                if *count == 0 {
                    stored -= len;
                }
            }
        }
        drop((all, holders));
        self.prune_quota(quota)
    }

    fn prune_quota(&mut self, quota: BTreeMap<i64, u64>) -> io::Result<()> {
        struct Prune<'a, 'b> {
            sweep: &'a mut Sweep<'b>,
            quota: BTreeMap<i64, u64>,
        }
        impl Visitor for Prune<'_, '_> {
            fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
                let Ok(Some(sidecar)) = described(directory, key) else {
                    return Next::Go;
                };
                if self.sweep.is_pretended(&sidecar) {
                    return Next::Go;
                }
                let at = sidecar.stored_at.timestamp_millis();
                let Some(left) = self.quota.get_mut(&at).filter(|left| **left > 0) else {
                    return Next::Go;
                };
                *left -= 1;
                match self.sweep.delete(key, &sidecar) {
                    Ok(true) => self.sweep.report.pruned += 1,
                    Ok(false) => {}
                    Err(_) => self.sweep.report.failed += 1,
                }
                Next::Go
            }
        }
        if quota.is_empty() {
            return Ok(());
        }
        let shared = self.shared;
        walk(shared, &Scope::All, &mut Prune { sweep: self, quota })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Found {
    files: u64,
    bytes: u64,
    failed: u64,
}

fn each_unreferenced_blob(shared: &Shared, mode: SweepMode) -> io::Result<Found> {
    let mut found = Found::default();
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    for class in CLASSES {
        let class = match sys::open_dir(shared.blobs.dir(), class) {
            Err(error) if absent(&error) => continue,
            other => other?,
        };
        for shelf in class.entries()? {
            let Ok(name) = shelf?.file_name().into_string() else {
                continue;
            };
            let shelf = match sys::open_dir(&class, &name) {
                Err(_) => {
                    found.failed += 1;
                    continue;
                }
                Ok(shelf) => shelf,
            };
            for blob in shelf.entries()? {
                let Ok(name) = blob?.file_name().into_string() else {
                    continue;
                };
                let stat = match sys::stat(&shelf, &name) {
                    Err(error) if absent(&error) => continue,
                    other => other?,
                };
                if !stat.is_file || stat.identity.links != 1 || name.parse::<Sha256>().is_err() {
                    continue;
                }
                if mode == SweepMode::Remove {
                    match shelf.remove_file(&name) {
                        Ok(()) => {}
                        Err(error) if absent(&error) => continue,
                        Err(_) => {
                            found.failed += 1;
                            continue;
                        }
                    }
                }
                found.files += 1;
                found.bytes += stat.len;
            }
        }
    }
    Ok(found)
}

/// Removes blobs that no reference holds; whether there were any.
pub(crate) fn remove_unreferenced_blobs(shared: &Shared) -> bool {
    each_unreferenced_blob(shared, SweepMode::Remove).is_ok_and(|found| found.files > 0)
}
