//! Moving damaged files to the quarantine.

use std::io::{self, Write as _};

use cap_std::fs::Dir;
use chrono::{DateTime, Utc};
use media_storage::layout::{FileName, MediaToken};

use super::days::Quarantine;
use super::item::Said;
use crate::delete_file::remove_file;
use crate::moving::move_examined;
use crate::sidecar_file::{SidecarState, read_raw, read_sidecar};
use crate::sys::{self, Identity};

impl Quarantine {
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
        // A sidecar that a move left here when it was killed may name a user that the media has no more.
        self.find(file)?;
        let (day, token) = (self.day(now)?, token()?);
        let sidecar = file.sidecar();
        let new = format!("{token}-{sidecar}");
        // Whenever the process dies, the media lies beside its sidecar, which may hold it.
        let is_linked = self.link(dir, &sidecar, &day, &new)?;
        match move_examined(dir, file.as_str(), &day, &token, examined) {
            Ok(true) => {}
            stays => {
                // After an error the media may be here.
                if sys::is_absent(&sys::stat(&day, &format!("{token}-{}", file.as_str()))) {
                    remove_file(&day, &new)?;
                }
                return stays.map(|_| 0);
            }
        }
        if is_linked {
            remove_file(dir, &sidecar)?;
            return Ok(2);
        }
        match sys::rename_new(dir, &sidecar, &day, &new) {
            Ok(()) => Ok(2),
            Err(error) if sys::is_not_found(&error) => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// Brings a sidecar to its media that is here: a move was killed before it had removed the sidecar, or, in earlier
    /// versions, before it had moved it. Returns whether it was one. The caller holds the lock of metadata alone.
    pub(crate) fn adopt(&self, dir: &Dir, file: &FileName, now: DateTime<Utc>) -> io::Result<bool> {
        let Some(item) = self.find(file)? else {
            return Ok(false);
        };
        let sidecar = file.sidecar();
        let beside = match read_sidecar(dir, &sidecar, file)? {
            SidecarState::Absent => return Ok(false),
            SidecarState::Valid(beside) => Some(beside),
            SidecarState::Damaged(_) | SidecarState::Later(_) => None,
        };
        if let (Said::Valid(known), Some(beside)) = (&item.said, beside)
            && known.iter().any(|(_, known)| *known == beside)
        {
            return remove_file(dir, &sidecar);
        }
        let new = format!("{}-{sidecar}", token()?);
        match sys::rename_new(dir, &sidecar, &self.day(now)?, &new) {
            Ok(()) => Ok(true),
            Err(error) if sys::is_not_found(&error) => Ok(false),
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

    /// Gives a sidecar a second name, or copies it where there are no links. Returns `false` if there is none, or
    /// something that is not a file.
    fn link(&self, dir: &Dir, name: &str, day: &Dir, new: &str) -> io::Result<bool> {
        if !sys::stat(dir, name).is_ok_and(|stat| stat.is_file) {
            return Ok(false);
        }
        match dir.hard_link(name, day, new) {
            Err(error) if sys::links_unavailable(&error) => {}
            other => return other.map(|()| true),
        }
        let Some(json) = read_raw(dir, name)? else {
            return Ok(false);
        };
        let mut copy = sys::create_new(day, new, self.permissions.sidecar_mode())?;
        copy.write_all(&json)?;
        copy.sync_all()?;
        Ok(true)
    }
}

fn token() -> io::Result<MediaToken> {
    MediaToken::mint().map_err(io::Error::other)
}
