//! Fills a store, in a process of its own: making media takes memory too.

use std::path::Path;
use std::process::Command;

use media_storage::{MediaMetadata, MediaStorageExt};
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime, StorageReference};

use crate::Result;
use crate::measure::noise;

/// Stores so many pictures of a size and gives their references.
pub(crate) fn in_child(dir: &Path, count: usize, size: usize) -> Result<Vec<StorageReference>> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("fill").arg(dir);
    child.args([count.to_string(), size.to_string()]);
    let output = child.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the store could not be filled".into());
    }
    let lines = std::str::from_utf8(&output.stdout)?.lines();
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The child's side: a reference on each line.
pub(crate) async fn run(dir: &str, count: &str, size: &str) -> Result<()> {
    let (count, size): (u64, usize) = (count.parse()?, size.parse()?);
    let store = FileStore::open(dir).await?;
    let metadata = MediaMetadata::new()
        .with_session("memory".parse()?)
        .with_conversation("memory".parse()?);
    for seed in 0..count {
        let mut picture = vec![0; size];
        noise(seed, &mut picture);
        let start = b"\x89PNG\r\n\x1a\n";
        let len = start.len().min(size);
        picture[..len].copy_from_slice(&start[..len]);
        let picture = MediaContent::from_bytes(Mime::IMAGE_PNG, picture);
        let reference = store.store_media(&picture, metadata.clone()).await?;
        println!("{}", serde_json::to_string(&reference)?);
    }
    Ok(())
}
