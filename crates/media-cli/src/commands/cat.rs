//! `media cat`: the bytes of one reference, to standard output.

use std::io::IsTerminal as _;

use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{RetrieveOptions, Verification};
use tokio::io::AsyncWriteExt as _;

use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::store::{StoreArguments, find, open_existing};

/// Arguments of `media cat`.
#[derive(Debug, Args)]
pub(crate) struct CatArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Id of the media, its end, or a reference as JSON.
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) async fn run(arguments: CatArguments, _: &Output) -> Outcome {
    if std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "media is not written to a terminal; redirect the output or use `media get`",
        ));
    }
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let entry = find(&store, &arguments.id).await?;
    let verified = RetrieveOptions::new().with_verification(Verification::HashAndSize);
    let stored = store
        .storage()
        .retrieve_opts(&entry.reference, verified)
        .await?;
    let mut body = stored.body.into_stream();
    let mut out = tokio::io::stdout();
    while let Some(piece) = body.next().await {
        // What was written before is out; the exit code says that it is not to be used.
        let piece = piece?;
        out.write_all(&piece).await?;
    }
    out.flush().await?;
    Ok(Exit::Fine)
}
