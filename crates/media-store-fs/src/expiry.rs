//! Expiry hints: which references may be due in which hour.
//!
//! `.store/expiry/<hour>/<token>` is another name of a sidecar, or a copy of it. It only says where
//! to look; the sidecar beside the media decides.

use std::io::{self, Read as _, Write as _};

use cap_std::fs::Dir;
use chrono::{DateTime, Utc};
use media_storage::{MAX_SIDECAR_LEN, MAX_SIDECAR_VERSION, ParsedSidecar, Sidecar};

use crate::delete_file::remove_file;
use crate::options::FilePermissions;
use crate::sys;

/// Number of times that a bucket which others remove is created again.
const ATTEMPTS: u32 = 64;

#[derive(Debug)]
pub(crate) struct Expiry {
    dir: Dir,
    permissions: FilePermissions,
}

/// Returns the bucket of a time: its hour, sortable as text.
fn bucket(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H").to_string()
}

/// Whether a bucket is that of a time.
pub(crate) fn is_bucket_of(name: &str, at: Option<DateTime<Utc>>) -> bool {
    at.is_some_and(|at| name == bucket(at))
}

/// Whether nothing in a bucket can be due.
fn is_later(name: &str, now: DateTime<Utc>) -> bool {
    // Years of five digits carry a sign, and are later than any clock.
    name.starts_with('+') || *name > *bucket(now)
}

impl Expiry {
    pub(crate) fn new(dir: Dir, permissions: FilePermissions) -> Self {
        Self { dir, permissions }
    }

    fn open_bucket(&self, at: DateTime<Utc>) -> io::Result<Dir> {
        let name = bucket(at);
        for _ in 0..ATTEMPTS {
            match sys::open_dir(&self.dir, &name) {
                Err(error) if sys::is_not_found(&error) => {
                    match sys::create_dir(&self.dir, &name, self.permissions.own_directory_mode()) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(error);
                        }
                        _ => {}
                    }
                }
                other => return other,
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Creates the hint of a published sidecar that expires.
    pub(crate) fn add(
        &self,
        dir: &Dir,
        meta: &str,
        id: &str,
        at: DateTime<Utc>,
        sidecar: &Sidecar,
    ) -> io::Result<()> {
        let permissions = self.permissions;
        self.put(at, |bucket| {
            add_to(bucket, dir, meta, id, sidecar, permissions)
        })
    }

    /// Creates the hint of a sidecar that was changed, and only then removes the one that it had: without a hint,
    /// only a full sweep would find the media. The caller holds the lock of metadata alone.
    pub(crate) fn replace(
        &self,
        dir: &Dir,
        meta: &str,
        id: &str,
        old: Option<DateTime<Utc>>,
        sidecar: &Sidecar,
    ) -> io::Result<()> {
        let (permissions, staged) = (self.permissions, format!("{id}.new"));
        if let Some(at) = sidecar.expires_at {
            self.put(at, |bucket| {
                // Whoever was killed here may have left it.
                remove_file(bucket, &staged)?;
                add_to(bucket, dir, meta, &staged, sidecar, permissions)?;
                bucket.rename(&staged, bucket, id)?;
                // Two names of one file are left as they are by a rename.
                remove_file(bucket, &staged).map(|_| ())
            })?;
        }
        if let Some(old) = old
            && !is_bucket_of(&bucket(old), sidecar.expires_at)
        {
            self.remove(id, old);
        }
        Ok(())
    }

    /// Puts something into the bucket of a time.
    fn put(&self, at: DateTime<Utc>, fill: impl Fn(&Dir) -> io::Result<()>) -> io::Result<()> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let bucket = self.open_bucket(at)?;
            match fill(&bucket) {
                // Another process removed the bucket while it was empty.
                Err(error)
                    if sys::is_not_found(&error)
                        && sys::is_removed(&bucket)
                        && attempt < ATTEMPTS => {}
                other => return other,
            }
        }
    }

    /// Removes a hint, as far as possible: a sweep removes hints without media.
    pub(crate) fn remove(&self, id: &str, at: DateTime<Utc>) {
        let name = bucket(at);
        if let Ok(dir) = sys::open_dir(&self.dir, &name) {
            let _ = dir.remove_file(id);
            let _ = self.dir.remove_dir(name);
        }
    }

    /// Returns the buckets that may contain something due.
    pub(crate) fn due(&self, now: DateTime<Utc>) -> io::Result<Vec<String>> {
        let mut names = self.buckets()?;
        names.retain(|name| !is_later(name, now));
        Ok(names)
    }

    /// Returns all buckets, the earliest first.
    pub(crate) fn buckets(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.entries()? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a bucket by name.
    pub(crate) fn open(&self, name: &str) -> io::Result<Dir> {
        sys::open_dir(&self.dir, name)
    }

    /// Removes a bucket if it is empty.
    pub(crate) fn remove_empty(&self, name: &str) {
        let _ = self.dir.remove_dir(name);
    }
}

fn add_to(
    bucket: &Dir,
    dir: &Dir,
    meta: &str,
    id: &str,
    sidecar: &Sidecar,
    permissions: FilePermissions,
) -> io::Result<()> {
    match dir.hard_link(meta, bucket, id) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if sys::links_unavailable(&error) => {
            let json = sidecar.to_json().map_err(io::Error::other)?;
            match sys::create_new(bucket, id, permissions.sidecar_mode()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(error),
                Ok(mut file) => file.write_all(&json),
            }
        }
        other => other,
    }
}

/// Returns the sidecar that a hint is a name of, or `None` if it is not valid.
pub(crate) fn read_hint(bucket: &Dir, id: &str) -> io::Result<Option<Sidecar>> {
    let file = sys::open_file(bucket, id)?;
    if !sys::stat_file(&file)?.is_file {
        return Ok(None);
    }
    let mut json = Vec::new();
    file.take(MAX_SIDECAR_LEN + 1).read_to_end(&mut json)?;
    match Sidecar::parse(&json, MAX_SIDECAR_VERSION) {
        ParsedSidecar::Valid(sidecar) => Ok(Some(*sidecar)),
        _ => Ok(None),
    }
}
