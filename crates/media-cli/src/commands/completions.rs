//! `media completions`: completions for a shell.

use clap::Args;
use clap_complete::Shell;

use crate::failure::{Exit, Outcome};
use crate::output::Output;

/// Arguments of `media completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Shell to write completions for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(
    arguments: &CompletionsArguments,
    mut command: clap::Command,
    output: &Output,
) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "media", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
