//! One file there or back, for other programs to read.

use media_history::{History, HistoryKey};
use media_store_fs::FileStore;

use crate::Result;

async fn history(store: &str) -> Result<History> {
    let store = FileStore::open(store).await?;
    let history = History::new(&store, HistoryKey::new("the key of the proof")?);
    let ids = media_storage::MediaMetadata::new()
        .with_session("proof".parse()?)
        .with_conversation("proof".parse()?);
    Ok(history
        .unscoped()
        .with_metadata(ids)
        .with_threshold_kb(0)
        .with_short_values(true))
}

pub(crate) async fn slim(file: &str, out: &str, store: &str) -> Result<bool> {
    let slim = history(store)
        .await?
        .externalize(&std::fs::read(file)?)
        .await?;
    std::fs::write(out, slim.bytes())?;
    println!("{}", slim.report());
    Ok(slim.report().totals.replaced > 0)
}

pub(crate) async fn restore(file: &str, out: &str, store: &str) -> Result<bool> {
    let whole = history(store).await?.restore(&std::fs::read(file)?).await?;
    std::fs::write(out, whole)?;
    Ok(true)
}
