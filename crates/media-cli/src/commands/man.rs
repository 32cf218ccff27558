//! `media man`: the manual, as one page or one for each command.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;

/// Arguments of `media man`.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Directory to write a page for each command to. Without it the main page goes to standard
    /// output.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(crate) fn run(
    arguments: &ManArguments,
    mut command: clap::Command,
    output: &Output,
) -> Outcome {
    command.build();
    match &arguments.directory {
        None => output.raw(&page(&command)?)?,
        Some(directory) => {
            std::fs::create_dir_all(directory).map_err(Failure::io("create", directory))?;
            write_pages(&command, "media", directory)?;
        }
    }
    Ok(Exit::Fine)
}

fn page(command: &clap::Command) -> Outcome<String> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_pages(command: &clap::Command, name: &str, directory: &Path) -> Outcome<()> {
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?).map_err(Failure::io("write", &path))?;
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        write_pages(inner, &format!("{name}-{}", inner.get_name()), directory)?;
    }
    Ok(())
}
