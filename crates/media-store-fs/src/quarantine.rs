//! Quarantine: damaged media that a verification moved out of the way.
//!
//! `.store/quarantine/<day>/<token>-<name>` is what was `<name>`, with its sidecar under the same token.
//! The day, in UTC, is when it was moved. Earlier versions wrote directly to `.store/quarantine`, with
//! different tokens for media and sidecar; a full sweep moves such entries to a day.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use cap_std::fs::Dir;
use chrono::{DateTime, Days, NaiveDate, Utc};
use media_storage::Sidecar;
use media_storage::backend::CancelFlag;
use media_storage::layout::{FileName, MediaToken};
use media_types::Sha256;

use crate::delete_file::remove_file;
use crate::moving::move_examined;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::SweepMode;
use crate::sys::{self, Identity};

const DIRECTORY: &str = "quarantine";

/// Length of a token with the `-` behind it.
const PREFIX: usize = 27;

/// The quarantine of a store.
#[derive(Debug)]
pub(crate) struct Quarantine {
    own: Dir,
    mode: u32,
}

/// What an entry of the quarantine was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Media(FileName),
    Sidecar(FileName),
    /// A damaged blob, which only earlier versions kept. References that shared it are here too.
    Blob,
    Other,
}

/// One entry of the quarantine.
#[derive(Debug)]
pub(crate) struct Entry {
    day: Option<NaiveDate>,
    name: String,
    kind: Kind,
}

/// What is known about quarantined media from its sidecars.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Names of the media that was chosen.
    chosen: HashSet<String>,
    /// Names of media on hold.
    held: HashSet<String>,
    /// Names of media with a readable sidecar.
    known: HashSet<String>,
    /// Names of media that may be on hold: its sidecar is of a later version, or cannot be read at this moment.
    undecided: HashSet<String>,
}

/// Quarantined media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quarantined {
    /// Number of media items.
    pub(crate) media: u64,
    /// Bytes of the media.
    pub(crate) bytes: u64,
    /// Number of media items that stayed because they are on hold.
    pub(crate) held: u64,
    /// Number of entries that could not be read, decided on, or removed.
    pub(crate) failed: u64,
}

impl Survey {
    pub(crate) fn chooses(&self, entry: &Entry) -> bool {
        entry
            .file()
            .is_some_and(|file| self.chosen.contains(file.as_str()))
    }

    pub(crate) fn is_known(&self, entry: &Entry) -> bool {
        entry
            .file()
            .is_some_and(|file| self.known.contains(file.as_str()))
    }

    fn leaves_open(&self, entry: &Entry) -> bool {
        entry
            .file()
            .is_some_and(|file| self.undecided.contains(file.as_str()))
    }

    fn holds(&self, entry: &Entry) -> bool {
        entry
            .file()
            .is_some_and(|file| self.held.contains(file.as_str()))
    }
}

impl Entry {
    fn file(&self) -> Option<&FileName> {
        match &self.kind {
            Kind::Media(file) | Kind::Sidecar(file) => Some(file),
            Kind::Blob | Kind::Other => None,
        }
    }

    /// Whether the entry is media of this name, or its sidecar.
    pub(crate) fn is_of(&self, name: &FileName) -> bool {
        self.file() == Some(name)
    }

    /// Whether the entry only keeps bytes from being freed.
    pub(crate) fn is_useless(&self) -> bool {
        self.kind == Kind::Blob
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_media(&self) -> bool {
        matches!(self.kind, Kind::Media(_))
    }

    /// Whether the entry was moved here more than this long ago, in whole days.
    pub(crate) fn is_older_than(&self, retention: Duration, now: DateTime<Utc>) -> bool {
        let days = Days::new(retention.as_secs().div_ceil(24 * 3600));
        self.day
            .and_then(|day| day.checked_add_days(days))
            .is_some_and(|end| end < now.date_naive())
    }
}

impl Quarantine {
    pub(crate) fn new(own: Dir, mode: u32) -> Self {
        Self { own, mode }
    }

    /// Moves media and its sidecar here, if the name still leads to the file that was examined.
    /// Returns the number of files that were moved. The caller holds the lock of metadata alone, so that
    /// nobody changes or deletes one of the two in between.
    pub(crate) fn take(
        &self,
        dir: &Dir,
        file: &FileName,
        examined: Identity,
        now: DateTime<Utc>,
    ) -> io::Result<u64> {
        let (day, token) = (self.day(now)?, token()?);
        if !move_examined(dir, file.as_str(), &day, &token, examined)? {
            return Ok(0);
        }
        let sidecar = file.sidecar();
        match sys::rename_new(dir, &sidecar, &day, &format!("{token}-{sidecar}")) {
            Ok(()) => Ok(2),
            Err(error) if sys::is_not_found(&error) => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// Removes a blob, if its name still leads to the file that was examined. What is not the
    /// examined file is moved back.
    pub(crate) fn remove_blob(
        &self,
        dir: &Dir,
        name: &str,
        examined: Identity,
        now: DateTime<Utc>,
    ) -> io::Result<()> {
        let (day, token) = (self.day(now)?, token()?);
        if move_examined(dir, name, &day, &token, examined)? {
            remove_file(&day, &format!("{token}-{name}"))?;
        }
        Ok(())
    }

    /// Reads all sidecars and chooses among them.
    pub(crate) fn survey(
        &self,
        cancelled: &CancelFlag,
        mut choose: impl FnMut(&Sidecar) -> bool,
    ) -> io::Result<Survey> {
        let mut survey = Survey::default();
        self.each(cancelled, SweepMode::DryRun, |dir, entry| {
            let Kind::Sidecar(file) = &entry.kind else {
                return Ok(());
            };
            let name = file.as_str().to_owned();
            let sidecar = match read_sidecar(dir, &entry.name, file) {
                Ok(SidecarState::Valid(sidecar)) => sidecar,
                Ok(SidecarState::Absent | SidecarState::Damaged(_)) => return Ok(()),
                Ok(SidecarState::Later(_)) | Err(_) => {
                    survey.undecided.insert(name);
                    return Ok(());
                }
            };
            if sidecar.hold {
                survey.held.insert(name.clone());
            }
            if choose(&sidecar) {
                survey.chosen.insert(name.clone());
            }
            survey.known.insert(name);
            Ok(())
        })?;
        Ok(survey)
    }

    /// Returns what stands where the sidecar of media belongs, or `None` if neither of the two is here.
    pub(crate) fn find(&self, name: &FileName) -> io::Result<Option<SidecarState>> {
        let mut found = None;
        let mut failure = None;
        self.each(&CancelFlag::new(), SweepMode::DryRun, |dir, entry| {
            if entry.is_media() && entry.is_of(name) {
                found.get_or_insert(SidecarState::Absent);
            } else if entry.is_of(name) {
                match read_sidecar(dir, &entry.name, name) {
                    Ok(SidecarState::Absent) => {}
                    Ok(state) => found = Some(state),
                    Err(error) => failure = Some(error),
                }
            }
            Ok(())
        })?;
        failure.map_or(Ok(found), Err)
    }

    /// Removes media and its sidecar. Returns how many media items that were.
    pub(crate) fn remove_media(&self, name: &FileName) -> io::Result<Quarantined> {
        let (whole, known) = (CancelFlag::new(), Survey::default());
        self.remove(&whole, &known, SweepMode::Remove, |entry| entry.is_of(name))
    }

    /// Counts the entries that are chosen.
    pub(crate) fn count(
        &self,
        cancelled: &CancelFlag,
        choose: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Quarantined> {
        self.remove(cancelled, &Survey::default(), SweepMode::DryRun, choose)
    }

    /// Removes the entries that are chosen, except those on hold. What may be on hold stays and fails.
    pub(crate) fn remove(
        &self,
        cancelled: &CancelFlag,
        survey: &Survey,
        mode: SweepMode,
        mut choose: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Quarantined> {
        let (mut found, mut undecided) = (Quarantined::default(), 0);
        self.each(cancelled, mode, |dir, entry| {
            if !choose(entry) {
                return Ok(());
            }
            if survey.holds(entry) {
                found.held += u64::from(entry.is_media());
                return Ok(());
            }
            if survey.leaves_open(entry) {
                undecided += u64::from(entry.is_media());
                return Ok(());
            }
            let stat = sys::stat(dir, &entry.name)?;
            if mode == SweepMode::Remove && !remove_file(dir, &entry.name)? {
                return Ok(());
            }
            found.media += u64::from(entry.is_media());
            if entry.is_media() {
                found.bytes += stat.len;
            }
            Ok(())
        })
        .map(|failed| {
            found.failed = failed + undecided;
            found
        })
    }

    /// Moves entries of earlier versions to the current day, so that they can grow old.
    pub(crate) fn date_old_entries(&self, now: DateTime<Utc>) -> io::Result<()> {
        let Some(root) = self.existing()? else {
            return Ok(());
        };
        for name in names(&root)? {
            if sys::stat(&root, &name).is_ok_and(|stat| stat.is_file) {
                match sys::rename_new(&root, &name, &self.day(now)?, &name) {
                    Err(error) if !sys::is_not_found(&error) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Passes every entry to a function. Removes days that are empty afterwards, if the mode is to remove. Returns
    /// how many entries failed.
    pub(crate) fn each(
        &self,
        cancelled: &CancelFlag,
        mode: SweepMode,
        mut visit: impl FnMut(&Dir, &Entry) -> io::Result<()>,
    ) -> io::Result<u64> {
        let Some(root) = self.existing()? else {
            return Ok(0);
        };
        let mut failed = 0;
        let mut visit_all = |dir: &Dir, day: Option<NaiveDate>| -> io::Result<()> {
            for name in names(dir)? {
                cancelled.check().map_err(io::Error::other)?;
                let kind = kind_of(&name);
                if day.is_none() && parse_day(&name).is_some() {
                    continue;
                }
                match visit(dir, &Entry { day, name, kind }) {
                    Err(error) if !sys::is_not_found(&error) => failed += 1,
                    _ => {}
                }
            }
            Ok(())
        };
        visit_all(&root, None)?;
        for name in names(&root)? {
            let Some(day) = parse_day(&name) else {
                continue;
            };
            match sys::open_dir(&root, &name) {
                Ok(dir) => visit_all(&dir, Some(day))?,
                Err(error) if sys::is_absence(&error) => {}
                Err(error) => return Err(error),
            }
            if mode == SweepMode::Remove {
                // Fails unless the day is empty.
                let _ = root.remove_dir(&name);
            }
        }
        Ok(failed)
    }

    fn existing(&self) -> io::Result<Option<Dir>> {
        match sys::open_dir(&self.own, DIRECTORY) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if sys::is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory of a day, and creates it if it does not exist.
    fn day(&self, now: DateTime<Utc>) -> io::Result<Dir> {
        let ensure = |parent: &Dir, name: &str| -> io::Result<Dir> {
            match sys::create_dir(parent, name, self.mode) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => sys::open_dir(parent, name),
            }
        };
        let root = ensure(&self.own, DIRECTORY)?;
        ensure(&root, &now.format("%Y-%m-%d").to_string())
    }
}

fn token() -> io::Result<MediaToken> {
    MediaToken::mint().map_err(io::Error::other)
}

fn parse_day(name: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(name, "%Y-%m-%d").ok()
}

fn kind_of(name: &str) -> Kind {
    let rest = name.get(PREFIX..).unwrap_or_default();
    if let Some(file) = FileName::parse(rest) {
        Kind::Media(file)
    } else if let Some(file) = rest.strip_suffix(".meta").and_then(FileName::parse) {
        Kind::Sidecar(file)
    } else if rest.parse::<Sha256>().is_ok() {
        Kind::Blob
    } else {
        Kind::Other
    }
}

/// Returns the names in a directory. The quarantine is small.
fn names(dir: &Dir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}
