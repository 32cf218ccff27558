//! Blobs that no reference shares any more.

use std::io;

use media_storage::backend::CancelFlag;
use media_types::Sha256;

use super::names::CLASSES;
use super::pool::Blobs;
use crate::staging::SweepMode;
use crate::sys;

/// The unreferenced blobs that were found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unreferenced {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
}

/// Removes the blobs that no reference shares, unless this is a dry run.
pub(crate) fn remove_unreferenced(
    blobs: &Blobs,
    mode: SweepMode,
    cancelled: &CancelFlag,
) -> io::Result<Unreferenced> {
    let mut found = Unreferenced::default();
    for class in CLASSES {
        let class = match sys::open_dir(blobs.dir(), class) {
            Err(error) if sys::is_not_found(&error) => continue,
            other => other?,
        };
        for shard in class.entries()? {
            let Ok(name) = shard?.file_name().into_string() else {
                continue;
            };
            let Ok(shard) = sys::open_dir(&class, &name) else {
                found.failed += 1;
                continue;
            };
            for blob in shard.entries()? {
                cancelled.check().map_err(io::Error::other)?;
                let Ok(name) = blob?.file_name().into_string() else {
                    continue;
                };
                let stat = match sys::stat(&shard, &name) {
                    Err(error) if sys::is_not_found(&error) => continue,
                    other => other?,
                };
                if !stat.is_file || stat.links != 1 || name.parse::<Sha256>().is_err() {
                    continue;
                }
                if mode == SweepMode::Remove {
                    match shard.remove_file(&name) {
                        Ok(()) => {}
                        Err(error) if sys::is_not_found(&error) => continue,
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
