//! The command: one walk, some thumbnails, one file.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use futures_util::StreamExt as _;

use crate::commands::report::page::page;
use crate::commands::report::survey::Survey;
use crate::commands::report::thumbnail::thumbnail;
use crate::failure::{Exit, Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::Output;
use crate::quantity::human_bytes;
use crate::store::{StoreArguments, open_existing};

/// How many thumbnails are made at once.
const AT_ONCE: usize = 2;

/// Arguments of `media report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// File to write. An earlier report of the name is replaced.
    #[arg(
        long,
        short = 'O',
        value_name = "FILE",
        default_value = "media-report.html"
    )]
    output: PathBuf,

    /// How many of the newest images are shown.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=1000))]
    images: u16,
}

pub(crate) async fn run(arguments: ReportArguments, output: &Output) -> Outcome {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let progress = output.progress("reading");
    let survey = Survey::take(&store, arguments.images.into(), &progress).await?;
    drop(progress);
    let progress = output.progress("making thumbnails");
    progress.set_total(survey.newest.len() as u64);
    let thumbnails: Vec<_> = futures_util::stream::iter(survey.newest.clone())
        .map(async |entry| thumbnail(&store, &entry).await)
        .buffered(AT_ONCE)
        .inspect(|_| progress.add(1))
        .collect()
        .await;
    drop(progress);
    let html = page(&survey, &thumbnails);
    let path = &arguments.output;
    let mut file = NewFile::create(path)?;
    file.write_all(html.as_bytes())
        .map_err(Failure::io("write", path))?;
    file.commit(Existing::Replace)?;
    if output.is_json() {
        output.json(&serde_json::json!({
            "path": path,
            "bytes": html.len(),
            "references": survey.usage.references,
            "images": survey.newest.len(),
            "unreadable": survey.unreadable,
        }))?;
    } else {
        let shown = crate::output::escaped(&path.to_string_lossy());
        output.line(format_args!("{shown} ({})", human_bytes(html.len() as u64)))?;
    }
    Ok(if survey.unreadable > 0 {
        Exit::Data
    } else {
        Exit::Fine
    })
}
