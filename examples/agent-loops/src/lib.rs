//! What the loops have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_history::{History, HistoryKey};
use media_storage::{MediaMetadata, Scope};
use media_store_fs::FileStore;

/// Any error, as `main` returns it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the user asks.
pub const QUESTIONS: [&str; 2] = ["What is in this photo?", "Are you sure?"];

/// Returns what moves media between the histories of a user and the directory `media`.
///
/// # Errors
/// The directory cannot be opened, or `MEDIA_HISTORY_KEY` is not set or too short.
pub async fn history() -> Result<History, Error> {
    let store = FileStore::open("media").await?;
    let key = HistoryKey::new(std::env::var("MEDIA_HISTORY_KEY")?)?;
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation("chat-1".parse()?);
    Ok(History::new(&store, key)
        .with_scope(Scope::User("user123".parse()?))
        .with_metadata(metadata))
}

/// Returns the photo that the command line names, in base64.
///
/// # Errors
/// No file is named, or it cannot be read.
pub fn photo() -> Result<String, Error> {
    let path = std::env::args_os().nth(1).ok_or("usage: PROGRAM PHOTO")?;
    Ok(STANDARD.encode(std::fs::read(path)?))
}
