//! Histories in files: replaced atomically, resumable, safe beside a program that appends.
//!
//! ```no_run
//! use media_history::file::{FileOptions, externalize_file};
//! # async fn run(history: media_history::History) -> Result<(), media_history::HistoryError> {
//! let outcome = externalize_file(&history, "session.jsonl", &FileOptions::new()).await?;
//! println!("{}", outcome.report);
//! # Ok(())
//! # }
//! ```

mod attributes;
mod names;
mod opening;
mod options;
mod recover;
mod replace;
mod run;
mod stream;
mod tail;
mod writers;

pub use options::{FileOptions, FileOutcome, Links};
pub use run::{abandon, externalize_file, restore_file};
