//! The command `media`: look at, check, move and delete stored media of LLM conversations.
//!
//! # Modules
//! - `cli`: the command tree and where it leads; `commands`: one module for each command
//! - `store`: which store a command works on, how it is opened, which media it selects
//! - `state`: the conversation database that a command works on
//! - `output`: results, notes, tables, progress; `record`, `quantity`: how values are written;
//!   `shares`: sums by user, type, day
//! - `failure`: one sentence and an exit code; `files`, `journal`: files that survive a crash
//! - `interrupt`: ^C and SIGTERM

mod cli;
mod commands;
mod failure;
mod files;
mod interrupt;
mod journal;
mod output;
mod quantity;
mod record;
mod shares;
mod state;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; the rest is the code for usage.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
            let _ = error.print();
            return exit.into();
        }
    };
    let output = cli.output();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(Failure::failed("failed to start").because(error));
            return Exit::Failed.into();
        }
    };
    // What all commands need is much for the stack.
    let command = async move { Box::pin(cli.run(&output)).await };
    let outcome = runtime.block_on(interrupt::unless_interrupted(command));
    let exit = match outcome {
        Ok(exit) => exit,
        Err(failure) if failure.is_closed_pipe() && output.ends_with_reader() => Exit::Fine,
        Err(failure) => {
            output.error(&failure);
            failure.exit()
        }
    };
    if let Some(sentence) = interrupt::sentence(exit) {
        // What was dropped cleans up on threads of the runtime, and takes its line of progress away; a
        // server that hangs must not hold up who pressed ^C.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        output.note(sentence);
    }
    exit.into()
}
