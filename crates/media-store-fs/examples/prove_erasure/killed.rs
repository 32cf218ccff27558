//! A process that is killed while it deletes a user whose media is in quarantine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use media_storage::{Inventory as _, Scope};
use media_store_fs::FileStore;
use media_types::StorageReference;

use crate::Error;
use crate::place::{ANN, Place, check};

/// Number of items in quarantine: enough for the process to be in the middle when it is killed.
const ITEMS: usize = 1500;

/// How often the process may be too fast.
const ATTEMPTS: u32 = 20;

/// What the process does.
pub(crate) async fn child(directory: &Path) -> Result<(), Error> {
    let store = FileStore::builder(directory).with_create(false);
    let store = store.build().await?;
    store.delete_scope(Scope::User(ANN.parse()?)).await?;
    Ok(())
}

/// Fills the quarantine with copies of an item that is there, and kills a process that empties it. Returns the number of
/// items that are left.
pub(crate) fn while_emptied(place: &Place, reference: &StorageReference) -> Result<u64, Error> {
    let pair = ["", ".meta"];
    let mut files = Vec::new();
    for end in pair {
        let path = place.only(
            ".store/quarantine",
            &format!("{}{end}", reference.file_name()),
        )?;
        let bytes = fs::read(&path)?;
        files.push((path, bytes));
    }
    let [(media, bytes), (sidecar, json)] = files.as_slice() else {
        return Err("an item has two files".into());
    };
    let day = media.parent().ok_or("a file has a parent")?;
    let json = std::str::from_utf8(json)?;
    let token = reference.file_name().split(['-', '.']).nth(1);
    let token = token.ok_or("a name has a token")?;
    for _ in 0..ATTEMPTS {
        fs::create_dir_all(day)?;
        for number in 0..ITEMS {
            let other = format!("{number:026}");
            let renamed = |path: &PathBuf| -> PathBuf {
                path.to_string_lossy().replace(token, &other).into()
            };
            fs::write(renamed(media), bytes)?;
            fs::write(renamed(sidecar), json.replace(token, &other))?;
        }
        let all = names(day)?.len();
        let mut process = Command::new(std::env::current_exe()?)
            .arg(place.media())
            .stdin(Stdio::null())
            .spawn()?;
        // So many are missing that some sidecars would be, whatever the order of the names.
        while process.try_wait()?.is_none() && names(day)?.len() > all - all / 8 {
            std::thread::yield_now();
        }
        process.kill()?;
        process.wait()?;
        let left = names(day)?;
        if !left.is_empty() && left.len() < all {
            let is_media = |name: &&String| !name.ends_with(".meta");
            return Ok(u64::try_from(left.iter().filter(is_media).count())?);
        }
    }
    check(false, || "no process was killed in the middle".to_owned())?;
    Ok(0)
}

/// The names in a directory, which may be gone.
fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(names);
    };
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}
