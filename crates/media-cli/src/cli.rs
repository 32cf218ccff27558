//! The command tree.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    cat, completions, copy, dedup_index, du, export, forget, get, history, import, info, ls, man,
    metrics, orphans, put, report, rm, stat, sweep, url, verify,
};
use crate::failure::Outcome;
use crate::output::{ColorChoice, Output};

/// Look at, check, move and delete stored media of LLM conversations.
#[derive(Debug, Parser)]
#[command(
    name = "media",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "STORE is a directory, or s3://bucket/prefix, gs://bucket/prefix, \
                  az://container/prefix with credentials from the environment.\n\
                  Exit codes: 0 fine, 1 failed, 2 usage, 3 something is wrong with the data, \
                  130 interrupted by ^C, 143 by SIGTERM."
)]
pub(crate) struct Cli {
    /// Write results as JSON: one document, or for lists one document a line.
    #[arg(long, global = true)]
    json: bool,

    /// When to use colors.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto, hide_possible_values = true)]
    color: ColorChoice,

    /// Write no notes and no progress; only results, warnings and errors.
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a store is and holds.
    Info(info::InfoArguments),
    /// List media.
    Ls(ls::LsArguments),
    /// Show who or what takes how much space.
    ///
    /// Seen: bytes as callers see them. Stored: distinct bytes. Alone: bytes that nobody else
    /// refers to, which deleting the group would free.
    Du(du::DuArguments),
    /// Show everything that is known about media.
    Stat(stat::StatArguments),
    /// Write the bytes of media to standard output.
    Cat(cat::CatArguments),
    /// Make a signed URL for media in a bucket.
    Url(url::UrlArguments),
    /// Check what is stored.
    ///
    /// Ends with 3 if something is wrong.
    Verify(verify::VerifyArguments),
    /// Remove what is due: expired media and what interrupted work left.
    Sweep(sweep::SweepArguments),
    /// Find media that no conversation names, and delete it. Dry unless --yes is given.
    ///
    /// Media goes only if an earlier run, longer ago than --grace, found it unnamed too.
    Orphans(orphans::OrphansArguments),
    /// Show which bytes are shared by how many references.
    DedupIndex(dedup_index::DedupIndexArguments),
    /// Delete media. Dry unless --yes is given.
    Rm(rm::RmArguments),
    /// Delete everything of a user, with a receipt. Dry unless --yes is given.
    Forget(forget::ForgetArguments),
    /// Store files.
    Put(put::PutArguments),
    /// Save media as files.
    Get(get::GetArguments),
    /// Copy media from one store to another under the same ids.
    ///
    /// Every byte is verified. An interrupted copy goes on where it was when the same command is
    /// run again.
    Copy(copy::CopyArguments),
    /// Export everything of a user as a tar archive.
    Export(export::ExportArguments),
    /// Take media out of JSON histories, and put it back.
    History(history::HistoryArguments),
    /// Take over conversations of other programs: messages into a database, media into the store.
    ///
    /// A run that was interrupted is gone on with when the same command is run again.
    Import(import::ImportArguments),
    /// Write a report as one HTML file: largest users, growth, savings, what expires, thumbnails.
    Report(report::ReportArguments),
    /// Give metrics of a store to Prometheus.
    Metrics(metrics::MetricsArguments),
    /// Write completions for a shell.
    Completions(completions::CompletionsArguments),
    /// Write the manual page.
    Man(man::ManArguments),
}

impl Command {
    /// Whether all that the command does is to write its results.
    fn only_shows(&self) -> bool {
        matches!(
            self,
            Self::Info(_)
                | Self::Ls(_)
                | Self::Du(_)
                | Self::Stat(_)
                | Self::Cat(_)
                | Self::Url(_)
                | Self::DedupIndex(_)
                | Self::Completions(_)
                | Self::Man(_)
        )
    }
}

impl Cli {
    /// Returns where the command writes to.
    pub(crate) fn output(&self) -> Output {
        let output = Output::new(self.json, self.quiet, self.color);
        output.with_end_of_reader(self.command.only_shows())
    }

    /// Runs the command.
    pub(crate) async fn run(self, output: &Output) -> Outcome {
        match self.command {
            Command::Info(arguments) => info::run(arguments, output).await,
            Command::Ls(arguments) => ls::run(arguments, output).await,
            Command::Du(arguments) => du::run(arguments, output).await,
            Command::Stat(arguments) => stat::run(arguments, output).await,
            Command::Cat(arguments) => cat::run(arguments, output).await,
            Command::Url(arguments) => url::run(arguments, output).await,
            Command::Verify(arguments) => verify::run(arguments, output).await,
            Command::Sweep(arguments) => sweep::run(arguments, output).await,
            Command::Orphans(arguments) => orphans::run(arguments, output).await,
            Command::DedupIndex(arguments) => dedup_index::run(arguments, output).await,
            Command::Rm(arguments) => rm::run(arguments, output).await,
            Command::Forget(arguments) => forget::run(arguments, output).await,
            Command::Put(arguments) => put::run(arguments, output).await,
            Command::Get(arguments) => get::run(arguments, output).await,
            Command::Copy(arguments) => copy::run(arguments, output).await,
            Command::Export(arguments) => export::run(arguments, output).await,
            Command::History(arguments) => history::run(arguments, output).await,
            Command::Import(arguments) => import::run(arguments, output).await,
            Command::Report(arguments) => report::run(arguments, output).await,
            Command::Metrics(arguments) => metrics::run(arguments, output).await,
            Command::Completions(arguments) => {
                completions::run(&arguments, Self::command(), output)
            }
            Command::Man(arguments) => man::run(&arguments, Self::command(), output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
