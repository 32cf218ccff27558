//! Checking everything that is stored, and repairing what can be repaired.

use std::collections::HashMap;
use std::io;

use cap_std::fs::Dir;
use chrono::{DateTime, SubsecRound as _, Utc};
use media_storage::backend::Digest;
use media_storage::layout::{MediaId, decode_segment};
use media_storage::{MediaMetadata, Operation, RetentionPolicy, Scope, Sidecar, StorageError};
use media_types::{Mime, Sha256, sniff};

use crate::blobs::{self, CLASSES};
use crate::config::Deduplication;
use crate::directories::MediaDir;
use crate::retrieve::{Key, SidecarState, join, read_sidecar};
use crate::shared::Shared;
use crate::sys;
use crate::walk::{Next, Visitor, walk};

/// How many problems a report names; it counts all.
const MAX_NAMED: usize = 1000;

/// How closely a verification looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyDepth {
    /// Every byte is read and hashed.
    #[default]
    Content,
    /// Sidecars and sizes only.
    Structure,
}

/// What a verification does with media whose bytes are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Damaged {
    /// It stays, and every read of it goes on failing as `Corrupted`.
    #[default]
    Keep,
    /// It is moved to `.store/quarantine`; reads of it find nothing.
    Quarantine,
}

/// What a verification does with derived things that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// Nothing.
    #[default]
    ReportOnly,
    /// Sidecars are rebuilt from the media and the directory that it lies in; bytes that are kept
    /// several times are shared again where the store deduplicates.
    Rebuild,
}

/// Options of [`FileStore::verify`](crate::FileStore::verify).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    depth: VerifyDepth,
    damaged: Damaged,
    repair: Repair,
}

impl VerifyOptions {
    /// Reads everything, changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How closely to look. Default: [`VerifyDepth::Content`].
    #[must_use]
    pub fn with_depth(mut self, depth: VerifyDepth) -> Self {
        self.depth = depth;
        self
    }

    /// What to do with wrong bytes. Default: [`Damaged::Keep`].
    #[must_use]
    pub fn with_damaged(mut self, damaged: Damaged) -> Self {
        self.damaged = damaged;
        self
    }

    /// What to do about missing sidecars and lost sharing. Default: [`Repair::ReportOnly`].
    #[must_use]
    pub fn with_repair(mut self, repair: Repair) -> Self {
        self.repair = repair;
        self
    }
}

/// What is wrong with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The bytes are not those of the recorded hash or size.
    WrongBytes,
    /// It is no regular file.
    NotAFile,
    /// There is no sidecar.
    MissingSidecar,
    /// The sidecar does not read, or is of other media.
    DamagedSidecar,
    /// A sidecar without media. A full sweep removes it, unless it is about to be published.
    OrphanSidecar,
    /// The bytes of a blob are not those of its name.
    WrongBlob,
    /// It cannot be read.
    Unreadable,
    /// It is nothing that this store writes.
    Foreign,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The path below the base directory.
    pub path: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What a verification found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// References looked at.
    pub references: u64,
    /// Bytes read and hashed; shared bytes once.
    pub bytes: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// Number of things that are wrong.
    pub problem_count: u64,
    /// The first thousand of them.
    pub problems: Vec<Problem>,
    /// Sidecars that were rebuilt.
    pub rebuilt: u64,
    /// References whose bytes are shared again.
    pub relinked: u64,
    /// Files that were moved to quarantine.
    pub quarantined: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, path: impl Into<String>, kind: ProblemKind) {
        self.problem_count += 1;
        if self.problems.len() < MAX_NAMED {
            let path = path.into();
            self.problems.push(Problem { path, kind });
        }
    }
}

pub(crate) fn verify(
    shared: &Shared,
    options: VerifyOptions,
) -> Result<VerifyReport, StorageError> {
    let io = |error| shared.io(Operation::Verify, "", error);
    if sys::is_removed(shared.base()) {
        return Err(shared.absent(Operation::Verify, ""));
    }
    let mut verifier = Verifier {
        shared,
        options,
        report: VerifyReport::default(),
        hashed: HashMap::new(),
    };
    walk(shared, &Scope::All, &mut verifier).map_err(io)?;
    verifier.blobs().map_err(io)?;
    Ok(verifier.report)
}

struct Verifier<'a> {
    shared: &'a Shared,
    options: VerifyOptions,
    report: VerifyReport,
    /// Inodes with several names, and what their bytes hash to.
    hashed: HashMap<u64, Sha256>,
}

impl Visitor for Verifier<'_> {
    fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
        self.report.references += 1;
        match self.check(directory, key) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.report.references -= 1,
            Err(_) => self.report.add(key.path(), ProblemKind::Unreadable),
        }
        Next::Go
    }

    fn sidecar(&mut self, directory: &MediaDir, key: &Key) -> Next {
        let is_orphan = sys::stat(directory.dir(), key.file.as_str())
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && sys::stat(directory.dir(), &key.file.sidecar()).is_ok();
        if is_orphan {
            self.report
                .add(key.sidecar_path(), ProblemKind::OrphanSidecar);
        }
        Next::Go
    }

    fn other(&mut self, path: &str, error: Option<io::Error>) -> Next {
        let kind = match error {
            Some(_) => ProblemKind::Unreadable,
            None => ProblemKind::Foreign,
        };
        self.report.add(path, kind);
        Next::Go
    }
}

impl Verifier<'_> {
    fn check(&mut self, directory: &MediaDir, key: &Key) -> io::Result<()> {
        let dir = directory.dir();
        if !sys::stat(dir, key.file.as_str())?.is_file {
            self.report.add(key.path(), ProblemKind::NotAFile);
            return Ok(());
        }
        let file = sys::open_file(dir, key.file.as_str())?;
        let stat = sys::stat_file(&file)?;
        let sidecar = match read_sidecar(dir, &key.file.sidecar(), &key.file)? {
            SidecarState::Good(sidecar) => Some(sidecar),
            SidecarState::Absent if sys::stat(dir, key.file.as_str()).is_err() => return Ok(()),
            SidecarState::Absent => {
                self.report
                    .add(key.sidecar_path(), ProblemKind::MissingSidecar);
                None
            }
            SidecarState::Damaged(_) => {
                self.report
                    .add(key.sidecar_path(), ProblemKind::DamagedSidecar);
                None
            }
        };
        let wrong_size = sidecar.as_ref().is_some_and(|s| s.size_bytes != stat.len);
        let needs_hash = self.options.depth == VerifyDepth::Content
            || sidecar.is_none() && self.options.repair == Repair::Rebuild;
        let sha256 = match self.hashed.get(&stat.identity.inode) {
            Some(known) => Some(*known),
            None if needs_hash && !wrong_size => {
                let digest = blobs::hash(&file)?;
                self.report.bytes += digest.len;
                if stat.identity.links > 1 {
                    self.hashed.insert(stat.identity.inode, digest.sha256);
                }
                Some(digest.sha256)
            }
            None => None,
        };
        let Some(sidecar) = sidecar else {
            if let Some(sha256) = sha256
                && self.options.repair == Repair::Rebuild
            {
                let digest = Digest {
                    sha256,
                    len: stat.len,
                };
                self.rebuild(directory, key, digest, &file)?;
            }
            return Ok(());
        };
        if wrong_size || sha256.is_some_and(|sha256| sha256 != sidecar.sha256) {
            self.report.add(key.path(), ProblemKind::WrongBytes);
            if self.options.damaged == Damaged::Quarantine {
                self.quarantine(dir, key.file.as_str())?;
                self.quarantine(dir, &key.file.sidecar())?;
            }
            return Ok(());
        }
        let alone = stat.identity.links == 1;
        if let Some(sha256) = sha256
            && alone
            && self.options.repair == Repair::Rebuild
            && self.shared.config.deduplication == Deduplication::On
        {
            self.relink(
                dir,
                key,
                Digest {
                    sha256,
                    len: stat.len,
                },
            )?;
        }
        Ok(())
    }

    /// Moves a file out of the way, under a new name.
    fn quarantine(&mut self, dir: &Dir, name: &str) -> io::Result<()> {
        let quarantine = self.shared.quarantine()?;
        let id = MediaId::mint().map_err(io::Error::other)?;
        let new = format!("{id}-{name}");
        match sys::rename_new(dir, name, &quarantine, &new) {
            Ok(()) => self.report.quarantined += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes a sidecar from what the media and its place still tell.
    fn rebuild(
        &mut self,
        directory: &MediaDir,
        key: &Key,
        digest: Digest,
        file: &std::fs::File,
    ) -> io::Result<()> {
        let dir = directory.dir();
        let modified = DateTime::<Utc>::from(file.metadata()?.modified()?);
        let sidecar = Sidecar::new(
            key.path(),
            self.type_of(key, file),
            digest.len,
            digest.sha256,
            metadata_of(&key.directory),
            // What it was is lost; nothing is deleted on a guess.
            RetentionPolicy::Retain,
            modified.trunc_subsecs(3),
        );
        let json = sidecar.to_json().map_err(io::Error::other)?;
        let entry = self.shared.stagings.entry().map_err(io::Error::other)?;
        let mode = self.shared.config.permissions.sidecar_mode();
        let staged = sys::create_new(entry.dir(), &entry.sidecar(), mode)?;
        io::Write::write_all(&mut &staged, &json)?;
        if self.shared.is_synced() {
            staged.sync_all()?;
        }
        let meta = key.file.sidecar();
        if dir.symlink_metadata(&meta).is_ok() {
            self.quarantine(dir, &meta)?;
        }
        sys::rename_new(entry.dir(), &entry.sidecar(), dir, &meta)?;
        // Deleted meanwhile: then the sidecar must not stay.
        if sys::stat(dir, key.file.as_str()).is_err() {
            let _ = dir.remove_file(&meta);
            return Ok(());
        }
        if self.shared.is_synced() {
            directory.sync()?;
        }
        self.report.rebuilt += 1;
        Ok(())
    }

    fn type_of(&self, key: &Key, file: &std::fs::File) -> Mime {
        let by_name = Mime::from_extension(key.file.extension());
        let unknown = by_name
            .as_ref()
            .is_none_or(|mime| *mime == Mime::OCTET_STREAM);
        if !unknown {
            return by_name.unwrap_or(Mime::OCTET_STREAM);
        }
        let mut head = Vec::new();
        let read = io::Seek::rewind(&mut &*file).and_then(|()| {
            io::Read::read_to_end(
                &mut io::Read::take(file, media_types::SNIFF_LEN as u64),
                &mut head,
            )
        });
        read.ok()
            .and_then(|_| sniff(&head))
            .unwrap_or(Mime::OCTET_STREAM)
    }

    /// Shares bytes again that lost their sharing, as a copy without links leaves them.
    fn relink(&mut self, dir: &Dir, key: &Key, digest: Digest) -> io::Result<()> {
        let entry = self.shared.stagings.entry().map_err(io::Error::other)?;
        match self
            .shared
            .blobs
            .relink(&entry, dir, key.file.as_str(), digest)
        {
            Ok(true) => self.report.relinked += 1,
            Ok(false) => {}
            Err(error) if sys::links_unsupported(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn blobs(&mut self) -> io::Result<()> {
        let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        for class in CLASSES {
            let shelves = match sys::open_dir(self.shared.blobs.dir(), class) {
                Err(error) if absent(&error) => continue,
                other => other?,
            };
            for shelf in shelves.entries()? {
                let Ok(shelf) = shelf?.file_name().into_string() else {
                    continue;
                };
                let path = format!(".store/blobs/{class}/{shelf}");
                let Ok(dir) = sys::open_dir(&shelves, &shelf) else {
                    self.report.add(path, ProblemKind::Foreign);
                    continue;
                };
                for blob in dir.entries()? {
                    let Ok(name) = blob?.file_name().into_string() else {
                        continue;
                    };
                    match self.blob(&dir, &name, &path) {
                        Err(error) if absent(&error) => {}
                        Err(_) => self.report.add(join(&path, &name), ProblemKind::Unreadable),
                        Ok(()) => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn blob(&mut self, dir: &Dir, name: &str, path: &str) -> io::Result<()> {
        let Ok(expected) = name.parse::<Sha256>() else {
            self.report.add(join(path, name), ProblemKind::Foreign);
            return Ok(());
        };
        self.report.blobs += 1;
        let stat = sys::stat(dir, name)?;
        let found = match self.hashed.get(&stat.identity.inode) {
            Some(known) => Some(*known),
            None if !stat.is_file => None,
            None if self.options.depth == VerifyDepth::Structure => return Ok(()),
            None => {
                let digest = blobs::hash(&sys::open_file(dir, name)?)?;
                self.report.bytes += digest.len;
                Some(digest.sha256)
            }
        };
        if found != Some(expected) {
            self.report.add(join(path, name), ProblemKind::WrongBlob);
            // The references that share it have been dealt with; no new one shall share it.
            if self.options.damaged == Damaged::Quarantine {
                self.quarantine(dir, name)?;
            }
        }
        Ok(())
    }
}

/// The ids that the directories of media tell.
fn metadata_of(directory: &str) -> MediaMetadata {
    let mut names: Vec<&str> = directory
        .split('/')
        .filter(|name| !name.is_empty())
        .collect();
    let mut metadata = MediaMetadata::new();
    let mut id = || names.pop().and_then(decode_segment);
    if let Some(conversation) = id().and_then(|id| id.parse().ok()) {
        metadata = metadata.with_conversation(conversation);
    }
    if let Some(session) = id().and_then(|id| id.parse().ok()) {
        metadata = metadata.with_session(session);
    }
    if let Some(run) = id().and_then(|id| id.parse().ok()) {
        metadata = metadata.with_run(run);
    }
    metadata
}

impl Shared {
    fn quarantine(&self) -> io::Result<Dir> {
        let own = sys::open_dir(self.base(), crate::shared::OWN)?;
        match sys::create_dir(&own, "quarantine", 0o700) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        sys::open_dir(&own, "quarantine")
    }
}
