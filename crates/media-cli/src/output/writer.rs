//! The two streams that a command writes to.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use console::Style;
use serde::Serialize;

use crate::output::progress::Progress;
use crate::output::table::Table;

/// When colors are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also in files and pipes.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    fn applies(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                    || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !forbidden
            }
        }
    }
}

/// Writes results to standard output, and notes and progress to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
    color_errors: bool,
    ends_with_reader: bool,
}

impl Output {
    /// Creates the output of a command: JSON or text, with or without notes and progress.
    pub(crate) fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        Self {
            json,
            quiet,
            ends_with_reader: false,
            color: color.applies(io::stdout().is_terminal()),
            color_errors: color.applies(io::stderr().is_terminal()),
        }
    }

    /// Sets whether the command is done when nobody reads its results any more. Otherwise it finishes
    /// its work, and writes results to nobody. Defaults to false.
    #[must_use]
    pub(crate) fn with_end_of_reader(mut self, ends: bool) -> Self {
        self.ends_with_reader = ends;
        self
    }

    /// Returns whether the command is done when nobody reads its results any more.
    pub(crate) fn ends_with_reader(&self) -> bool {
        self.ends_with_reader
    }

    /// Returns whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one JSON document, indented.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        self.raw(&text)
    }

    /// Writes one JSON document on a line of its own, as lists are written.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string(value)?;
        text.push('\n');
        self.raw(&text)
    }

    /// Writes one JSON document on a line of standard error: what is reported of a command whose standard
    /// output carries data.
    pub(crate) fn json_beside(&self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        writeln!(io::stderr(), "{text}")
    }

    /// Writes a line.
    pub(crate) fn line(&self, line: impl Display) -> io::Result<()> {
        self.raw(&format!("{line}\n"))
    }

    /// Writes a table.
    pub(crate) fn table(&self, table: Table) -> io::Result<()> {
        let text = table.render();
        match text.split_once('\n') {
            Some((head, rest)) if self.color && text.starts_with(|c: char| c != ' ') => {
                let head = Style::new().force_styling(true).bold().apply_to(head);
                self.raw(&format!("{head}\n{rest}"))
            }
            _ => self.raw(&text),
        }
    }

    /// Writes text as it is.
    pub(crate) fn raw(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.ends_with_reader => {
                Ok(())
            }
            written => written,
        }
    }

    /// Says something that is no result. Not when quiet.
    pub(crate) fn note(&self, note: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{note}");
        }
    }

    /// Says that something is wrong that does not end the command.
    pub(crate) fn warn(&self, warning: impl Display) {
        let style = Style::new().force_styling(self.color_errors).yellow();
        let _ = writeln!(io::stderr(), "{} {warning}", style.apply_to("warning:"));
    }

    /// Says why the command failed.
    pub(crate) fn error(&self, error: impl Display) {
        let style = Style::new().force_styling(self.color_errors).red().bold();
        let _ = writeln!(io::stderr(), "{} {error}", style.apply_to("error:"));
    }

    /// Starts a line of progress, where somebody looks.
    pub(crate) fn progress(&self, doing: &str) -> Progress {
        Progress::new(doing, !self.quiet && io::stderr().is_terminal())
    }
}
