//! The judge: it reads the database, the media store and the ledger without the library, and knows only the
//! documented formats.

mod bucket;
mod directory;
mod media;
mod postgres;
mod redis;
mod state;
mod verdict;

pub(crate) use bucket::bucket;
pub(crate) use directory::directory;
pub(crate) use verdict::verdict;

pub(crate) use state::{StateFound, text_of};

use crate::Failure;
use crate::servers::Database;

/// Reads all that a database holds.
pub(crate) async fn state(database: &Database) -> Result<StateFound, Failure> {
    match database {
        Database::Postgres(_) => postgres::read(&database.url()).await,
        Database::Redis(_) => {
            let url = database.url();
            tokio::task::block_in_place(|| redis::read(&url))
        }
    }
}
