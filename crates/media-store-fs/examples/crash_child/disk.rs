//! What lies on the disk, read by the documented format alone, not by the store's own code.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use media_storage::{Sha256Hasher, Sidecar, StorageError, Usage};
use media_storage_testkit::crash::CrashSubject;
use media_store_fs::FileStore;
use media_types::StorageReference;

/// The file store in a directory.
pub(crate) struct Subject {
    pub(crate) deduplication: bool,
}

impl CrashSubject for Subject {
    type Store = FileStore;

    async fn open(&self, directory: &Path) -> Result<FileStore, StorageError> {
        FileStore::builder(directory)
            .with_deduplication(self.deduplication)
            .build()
            .await
    }

    async fn close(&self, store: FileStore) -> Result<(), StorageError> {
        store.close().await
    }

    async fn export(&self, store: &FileStore) -> Result<(), StorageError> {
        store.export_dedup_index().await
    }

    fn litter(&self, directory: &Path) -> io::Result<()> {
        litter(directory)
    }

    fn begin_delete(&self, directory: &Path, reference: &StorageReference) -> io::Result<()> {
        let media = directory.join(reference.id());
        fs::remove_file(&media)?;
        fs::remove_file(sidecar_of(&media))
    }

    fn usage(&self, directory: &Path) -> io::Result<Option<Usage>> {
        let mut usage = Usage::default();
        let mut inodes = HashSet::new();
        for file in Tree::read(directory)?.media {
            let metadata = file.metadata()?;
            usage.references += 1;
            usage.logical_bytes += metadata.len();
            if inodes.insert(metadata.ino()) {
                usage.blobs += 1;
                usage.stored_bytes += metadata.len();
            }
            usage.copies += u64::from(self.deduplication && metadata.nlink() == 1);
        }
        Ok(Some(usage))
    }

    fn leftovers(&self, directory: &Path) -> io::Result<Vec<String>> {
        let tree = Tree::read(directory)?;
        let mut found = Vec::new();
        for sidecar in &tree.sidecars {
            if !sidecar.with_extension("").exists() {
                found.push(format!("an orphan: {}", sidecar.display()));
            }
        }
        let own = directory.join(".store");
        for staged in files(&own.join("tmp"))? {
            found.push(format!("staged: {}", staged.display()));
        }
        for directory in entries(&own.join("tmp"))? {
            found.push(format!("a staging directory: {}", directory.display()));
        }
        for blob in files(&own.join("blobs"))? {
            if blob.metadata()?.nlink() == 1 {
                found.push(format!("an unreferenced blob: {}", blob.display()));
            }
        }
        for entry in entries(&own)? {
            let name = entry.file_name().and_then(|name| name.to_str());
            let known = [
                "tmp",
                "blobs",
                "expiry",
                "format.json",
                "format.lock",
                "metadata.lock",
                "sweep.lock",
            ];
            if !name.is_some_and(|name| known.contains(&name)) {
                found.push(format!("left: {}", entry.display()));
            }
        }
        found.extend(hints(&own.join("expiry"), &tree)?);
        Ok(found)
    }

    fn damage(&self, directory: &Path) -> io::Result<Vec<String>> {
        let tree = Tree::read(directory)?;
        let mut found = tree.strange;
        for media in &tree.media {
            let bytes = Sha256Hasher::digest(&fs::read(media)?);
            match read_sidecar(&sidecar_of(media)) {
                Ok(sidecar) if sidecar.sha256 == bytes => {}
                Ok(_) => found.push(format!("not whole: {}", media.display())),
                Err(error) => found.push(format!("{}: {error}", sidecar_of(media).display())),
            }
        }
        for blob in files(&directory.join(".store/blobs/sha256"))? {
            let hash = Sha256Hasher::digest(&fs::read(&blob)?).to_hex();
            if blob.file_name().and_then(|name| name.to_str()) != Some(&*hash) {
                found.push(format!("a blob of other bytes: {}", blob.display()));
            }
        }
        let index = directory.join(".dedup-index.json");
        if index.exists() {
            let read = serde_json::from_slice::<serde_json::Map<_, _>>(&fs::read(&index)?);
            if let Err(error) = read {
                found.push(format!("the index cannot be read: {error}"));
            }
        }
        Ok(found)
    }
}

/// Every reference that expires has its hint, and every hint its reference.
fn hints(expiry: &Path, tree: &Tree) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut wanted = HashSet::new();
    for media in &tree.media {
        let Ok(sidecar) = read_sidecar(&sidecar_of(media)) else {
            continue;
        };
        if let Some(at) = sidecar.expires_at {
            let name = media.file_stem().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.split_once('-')).map(|(_, id)| id);
            let hour = at.format("%Y-%m-%dT%H").to_string();
            wanted.insert(expiry.join(hour).join(id.unwrap_or_default()));
        }
    }
    let hints: HashSet<PathBuf> = files(expiry)?.into_iter().collect();
    for hint in hints.symmetric_difference(&wanted) {
        found.push(format!("a hint too many or too few: {}", hint.display()));
    }
    Ok(found)
}

/// The files of a store under their final names.
#[derive(Default)]
struct Tree {
    media: Vec<PathBuf>,
    sidecars: Vec<PathBuf>,
    strange: Vec<String>,
}

impl Tree {
    fn read(directory: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        for top in entries(directory)? {
            let name = top.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if matches!(name, ".store" | ".dedup-index.json") {
                continue;
            }
            for file in if top.is_dir() {
                files(&top)?
            } else {
                vec![top]
            } {
                match file.extension().and_then(|extension| extension.to_str()) {
                    Some("meta") => tree.sidecars.push(file),
                    Some("png") => tree.media.push(file),
                    _ => tree.strange.push(format!("strange: {}", file.display())),
                }
            }
        }
        Ok(tree)
    }
}

fn sidecar_of(media: &Path) -> PathBuf {
    let mut path = media.as_os_str().to_owned();
    path.push(".meta");
    path.into()
}

fn read_sidecar(path: &Path) -> Result<Sidecar, StorageError> {
    let json = fs::read(path).unwrap_or_default();
    Sidecar::from_json(&json)
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Everything below a directory that is not a directory.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(directory)? {
        if path.symlink_metadata()?.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// What a crash of each operation may leave behind: dead staging, an orphan sidecar, a blob that
/// nothing refers to, a hint without its media.
fn litter(directory: &Path) -> io::Result<()> {
    let own = directory.join(".store");
    let dead = own.join("tmp/0123456789abcdef0123456789abcdef");
    fs::create_dir(&dead)?;
    for name in [
        "lock",
        "00000000000000000000000001",
        "00000000000000000000000001.m",
    ] {
        fs::write(dead.join(name), "part of so")?;
    }
    let tree = Tree::read(directory)?;
    let sidecar = tree.sidecars.first().ok_or(io::ErrorKind::NotFound)?;
    let json = fs::read_to_string(sidecar)?;
    let name = sidecar.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(io::ErrorKind::InvalidData)?;
    let id = "7zzzzzzzzzzzzzzzzzzzzzzzz2";
    let orphan = format!("{}-{id}.png.meta", name.get(..6).unwrap_or_default());
    let media = name.trim_end_matches(".meta");
    let json = json.replace(media, orphan.trim_end_matches(".meta"));
    fs::write(sidecar.with_file_name(&orphan), &json)?;
    let bucket = own.join("expiry/2020-01-01T00");
    fs::create_dir_all(&bucket)?;
    fs::write(bucket.join(id), &json)?;
    let bytes = b"nobody refers to this";
    let hash = Sha256Hasher::digest(bytes).to_hex();
    let shelf = own
        .join("blobs/sha256")
        .join(hash.get(..2).unwrap_or_default());
    fs::create_dir_all(&shelf)?;
    fs::write(shelf.join(hash), bytes)?;
    // It is from long ago: a power cut of now does not reach it.
    let synced = Command::new("sync").arg("-f").arg(directory).status()?;
    synced
        .success()
        .then_some(())
        .ok_or(io::ErrorKind::Other.into())
}
