//! Walks over a store, for profilers: `walk WHAT TIMES DIR`.

use futures_util::TryStreamExt as _;
use media_benches::Result;
use media_storage::{Inventory as _, Scope};
use media_store_fs::FileStore;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, what, times, dir] = words.as_slice() else {
        return Err("usage: walk WHAT TIMES DIR".into());
    };
    let store = FileStore::builder(dir)
        .with_deduplication(true)
        .build()
        .await?;
    for _ in 0..times.parse()? {
        let start = std::time::Instant::now();
        let found = match what.as_str() {
            "usage" => store.usage(Scope::All).await?.references,
            "list" => {
                let entries = store.list(Scope::All);
                entries.try_fold(0, |n, _| async move { Ok(n + 1) }).await?
            }
            _ => {
                store.export_dedup_index().await?;
                0
            }
        };
        println!("{found} in {:?}", start.elapsed());
    }
    Ok(())
}
