//! Checking one media file.

use std::fs::File;
use std::io;

use cap_std::fs::Dir;
use chrono::{DateTime, Utc};
use media_storage::backend::Digest;
use media_storage::{DamagedMedia, VerifyIssueKind, VerifyOptions, VerifyReport};
use media_types::Sha256;

use super::hashes::Hashes;
use super::rebuild;
use crate::key::Key;
use crate::lock;
use crate::options::Deduplication;
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::sys::{self, Stat};
use crate::walk::Located;

/// The check of one media file.
pub(super) struct Check<'a> {
    pub(super) shared: &'a Shared,
    pub(super) options: VerifyOptions,
    pub(super) now: DateTime<Utc>,
    pub(super) report: &'a mut VerifyReport,
    pub(super) hashes: &'a mut Hashes,
}

impl Check<'_> {
    pub(super) fn run(&mut self, media: &Located) -> io::Result<()> {
        let (dir, key) = (media.directory.dir(), &media.key);
        if !sys::stat(dir, key.file.as_str())?.is_file {
            self.report.add(key.path(), VerifyIssueKind::WrongBytes);
            return Ok(());
        }
        // Everything that follows is about this open file, whatever its name leads to by then.
        let file = sys::open_file(dir, key.file.as_str())?;
        let stat = sys::stat_file(&file)?;
        let sidecar = match read_sidecar(dir, &key.file.sidecar(), &key.file)? {
            SidecarState::Valid(sidecar) => sidecar,
            SidecarState::Later(_) => {
                self.report
                    .add(key.sidecar_path(), VerifyIssueKind::LaterSidecar);
                return Ok(());
            }
            SidecarState::Absent if sys::stat(dir, key.file.as_str()).is_err() => return Ok(()),
            state => {
                let kind = match state {
                    SidecarState::Absent => VerifyIssueKind::MissingSidecar,
                    _ => VerifyIssueKind::DamagedSidecar,
                };
                self.report.add(key.sidecar_path(), kind);
                return self.without_sidecar(media, &file, stat);
            }
        };
        let reads = self.options.read_data().includes_file(key.file.as_str());
        if stat.len != sidecar.size_bytes {
            return self.with_other_size(media, &file, stat, sidecar.sha256, reads);
        }
        if reads && !self.has_hash(&file, sidecar.sha256)? {
            return self.damaged(dir, key, stat);
        }
        let digest = Digest::new(sidecar.sha256, stat.len);
        if reads
            && self.options.repair()
            && stat.links == 1
            && self.shared.config.deduplication == Deduplication::On
        {
            self.relink(dir, key, digest)?;
        }
        Ok(())
    }

    /// Checks a file whose size differs from its sidecar: the bytes show which of the two is wrong. They are read
    /// where content is read, and before anything is moved.
    fn with_other_size(
        &mut self,
        media: &Located,
        file: &File,
        stat: Stat,
        sha256: Sha256,
        reads: bool,
    ) -> io::Result<()> {
        let (dir, key) = (media.directory.dir(), &media.key);
        let moves = self.options.damaged() == DamagedMedia::Quarantine;
        if (reads || moves) && self.has_hash(file, sha256)? {
            self.report
                .add(key.sidecar_path(), VerifyIssueKind::DamagedSidecar);
            return self.without_sidecar(media, file, stat);
        }
        self.damaged(dir, key, stat)
    }

    /// Whether an open file has a hash. A remembered hash only ever confirms: before a file is
    /// reported as damaged, it is read itself.
    fn has_hash(&mut self, file: &File, expected: Sha256) -> io::Result<bool> {
        let mut hashed = self.hashes.of(file)?;
        if hashed.sha256 != expected && !hashed.is_certain {
            hashed = self.hashes.read(file)?;
        }
        self.report.read += 1;
        self.report.read_bytes += hashed.read;
        Ok(hashed.sha256 == expected)
    }

    fn damaged(&mut self, dir: &Dir, key: &Key, stat: Stat) -> io::Result<()> {
        self.report.add(key.path(), VerifyIssueKind::WrongBytes);
        if self.options.damaged() == DamagedMedia::Quarantine {
            let quarantine = &self.shared.quarantine;
            let _lock = self.lock()?;
            let expires_at = match read_sidecar(dir, &key.file.sidecar(), &key.file) {
                Ok(SidecarState::Valid(sidecar)) => sidecar.expires_at,
                _ => None,
            };
            let moved = quarantine.take(dir, &key.file, stat.identity, self.now)?;
            self.report.quarantined += moved;
            if moved > 0 {
                // What is due there is found by its sidecar, and the hint is another name of that.
                if let Some(at) = expires_at {
                    self.shared.expiry.remove(key.file.id(), at);
                }
                self.shared.directories.remove_empty(&key.directory);
            }
        }
        Ok(())
    }

    fn without_sidecar(&mut self, media: &Located, file: &File, stat: Stat) -> io::Result<()> {
        if !self.options.repair() {
            return Ok(());
        }
        let (dir, key) = (media.directory.dir(), &media.key);
        let hashed = self.hashes.read(file)?;
        self.report.read_bytes += hashed.read;
        let digest = Digest::new(hashed.sha256, stat.len);
        let lock = self.lock()?;
        match read_sidecar(dir, &key.file.sidecar(), &key.file)? {
            SidecarState::Later(_) => return Ok(()),
            // Somebody else has rebuilt it, and it may have been changed since.
            SidecarState::Valid(now)
                if (now.sha256, now.size_bytes) == (digest.sha256, stat.len) =>
            {
                return Ok(());
            }
            _ => {}
        }
        let salvaged = rebuild::salvage(dir, key)?;
        // Bytes that match neither the name nor the rest of the sidecar must not become valid.
        let expected = salvaged.as_ref().and_then(|salvaged| salvaged.sha256);
        if !key.file.may_hold(digest.sha256) || expected.is_some_and(|hash| hash != digest.sha256) {
            drop(lock);
            return self.damaged(dir, key, stat);
        }
        if rebuild::rebuild(self.shared, media, digest, file, salvaged)? {
            self.report.repaired += 1;
        }
        Ok(())
    }

    /// Keeps others from changing or deleting what is moved or rebuilt.
    fn lock(&self) -> io::Result<File> {
        lock::take(self.shared.own(), self.shared.config.permissions)
    }

    /// Shares bytes again that lost their sharing, for example in a copy without links.
    fn relink(&mut self, dir: &Dir, key: &Key, digest: Digest) -> io::Result<()> {
        let entry = self.shared.stagings.entry().map_err(io::Error::other)?;
        let relinked = self
            .shared
            .blobs
            .relink(&entry, dir, key.file.as_str(), digest);
        match relinked {
            Ok(true) => self.report.repaired += 1,
            Ok(false) => {}
            Err(error) if sys::links_unavailable(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
