//! `media verify`: checks what is stored.

use chrono::Utc;
use clap::Args;
use futures_util::StreamExt as _;
use media_storage::{
    DamagedMedia, ReadData, RetrieveOptions, Scope, StorageErrorKind, Verification,
    VerifyIssueKind, VerifyOptions, VerifyReport,
};

use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Align, Output, Table, escaped};
use crate::quantity::{human_count, parse_percent};
use crate::store::{OpenStore, StoreArguments, open_existing};

/// Arguments of `media verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// How much of the stored bytes to read: 100% reads everything. A smaller share reads another
    /// part each day.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "100%")]
    read_data: u8,

    /// Read no bytes: check sidecars and sizes only.
    #[arg(long, conflicts_with = "read_data")]
    structure_only: bool,

    /// Make missing sidecars again, and share equal bytes that are no longer shared. Directories
    /// only: in a bucket, media and what is known about it are one object.
    #[arg(long)]
    repair: bool,

    /// Move media whose bytes are wrong out of the way. Directories only, and not with a share of
    /// --read-data.
    #[arg(long)]
    quarantine: bool,
}

pub(crate) async fn run(arguments: VerifyArguments, output: &Output) -> Outcome {
    if arguments.quarantine && !arguments.structure_only && arguments.read_data < 100 {
        return Err(Failure::usage(
            "--quarantine goes with reading everything, or with --structure-only; not with a sample",
        ));
    }
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    let Some(verifier) = store.storage().verifier() else {
        return Err(Failure::failed(format!(
            "{} cannot be checked",
            store.location()
        )));
    };
    let read_data = match arguments.read_data {
        _ if arguments.structure_only => ReadData::Nothing,
        100 => ReadData::Everything,
        percent => ReadData::Percent {
            percent,
            sample: todays_sample(percent),
        },
    };
    let mut options = VerifyOptions::new().with_repair(arguments.repair);
    if arguments.quarantine {
        options = options.with_damaged(DamagedMedia::Quarantine);
    }
    let progress = output.progress("checking");
    let report = match (read_data, store.files()) {
        // A directory's own check reads all or nothing; the sample comes on top.
        (ReadData::Percent { .. }, Some(_)) => {
            let mut report = verifier
                .verify(options.with_read_data(ReadData::Nothing))
                .await?;
            read_sample(&store, read_data, &mut report, |n| progress.add(n)).await?;
            report
        }
        _ => verifier.verify(options.with_read_data(read_data)).await?,
    };
    drop(progress);
    show(&report, output)?;
    Ok(if report.is_clean() {
        Exit::Fine
    } else {
        Exit::Data
    })
}

/// Another sample each day, so that checks of 10 % every day read everything in ten days.
fn todays_sample(percent: u8) -> u8 {
    let day = Utc::now().timestamp() / 86_400;
    u8::try_from(day.wrapping_mul(percent.into()).rem_euclid(100)).unwrap_or_default()
}

async fn read_sample(
    store: &OpenStore,
    read_data: ReadData,
    report: &mut VerifyReport,
    progress: impl Fn(u64),
) -> Outcome<()> {
    let mut entries = store.list(Scope::All)?;
    while let Some(entry) = entries.next().await {
        progress(1);
        let entry = match entry {
            Ok(entry) => entry,
            // It is in the report already.
            Err(error) if error.kind() == StorageErrorKind::Corrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if !read_data.includes(&entry.reference) {
            continue;
        }
        let verified = RetrieveOptions::new().with_verification(Verification::HashAndSize);
        let read = async {
            let stored = store
                .storage()
                .retrieve_opts(&entry.reference, verified)
                .await?;
            let mut body = stored.body.into_stream();
            let mut bytes = 0;
            while let Some(piece) = body.next().await {
                bytes += piece?.len() as u64;
            }
            Ok::<u64, media_storage::StorageError>(bytes)
        };
        match read.await {
            Ok(bytes) => {
                report.read += 1;
                report.read_bytes += bytes;
            }
            Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                report.read += 1;
                let key = entry.reference.id();
                if !report.issues.iter().any(|issue| issue.key == key) {
                    report.add(key, VerifyIssueKind::WrongBytes);
                }
            }
            Err(error) if error.kind() == StorageErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn show(report: &VerifyReport, output: &Output) -> Outcome<()> {
    if output.is_json() {
        output.json(report)?;
        return Ok(());
    }
    if !report.issues.is_empty() {
        let mut table = Table::new([("issue", Align::Left), ("key", Align::Left)]);
        for issue in &report.issues {
            table.row([issue.kind.to_string(), escaped(&issue.key)]);
        }
        output.table(table)?;
    }
    let named = report.issues.len() as u64;
    if report.issue_count > named {
        let more = human_count(report.issue_count - named);
        output.line(format_args!("and {more} more"))?;
    }
    output.line(report)?;
    Ok(())
}
