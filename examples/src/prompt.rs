//! A line from a person, with editing and history.

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::errors::Failure;

/// What was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something to send.
    Line(String),
    /// Nothing.
    Empty,
    /// The wish to know what can be entered.
    Help,
    /// The wish to leave: `quit`, `exit`, Ctrl-D or Ctrl-C.
    Quit,
}

impl Entry {
    fn read(line: &str) -> Self {
        match line.trim() {
            "" => Self::Empty,
            "help" | "?" => Self::Help,
            "quit" | "exit" => Self::Quit,
            text => Self::Line(text.to_owned()),
        }
    }
}

/// Asks for lines. Reading blocks, so it happens on a thread of its own.
#[derive(Debug)]
pub struct Prompt {
    editor: Option<DefaultEditor>,
}

impl Prompt {
    /// Takes hold of the terminal; without one, lines are read as they come.
    ///
    /// # Errors
    /// When the terminal cannot be set up.
    pub fn new() -> Result<Self, Failure> {
        let editor = DefaultEditor::new().map_err(no_terminal)?;
        Ok(Self {
            editor: Some(editor),
        })
    }

    /// The next entry.
    ///
    /// # Errors
    /// When the terminal fails.
    pub async fn next(&mut self) -> Result<Entry, Failure> {
        let Some(mut editor) = self.editor.take() else {
            return Ok(Entry::Quit);
        };
        let read = tokio::task::spawn_blocking(move || {
            let line = editor.readline("> ");
            if let Ok(line) = &line {
                // The history is a convenience; it may fail.
                let _ = editor.add_history_entry(line.as_str());
            }
            (editor, line)
        });
        let (editor, line) = read.await.map_err(|error| {
            Failure::new("reading a line failed", "Start this again").with_source(error)
        })?;
        self.editor = Some(editor);
        match line {
            Ok(line) => Ok(Entry::read(&line)),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(Entry::Quit),
            Err(error) => Err(no_terminal(error)),
        }
    }
}

fn no_terminal(error: ReadlineError) -> Failure {
    Failure::new(
        "cannot read from the terminal",
        "Leave out --interactive, or run this in a terminal",
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::Entry;

    #[test]
    fn words_with_a_meaning_are_not_sent() {
        assert_eq!(Entry::read("  quit "), Entry::Quit);
        assert_eq!(Entry::read("exit"), Entry::Quit);
        assert_eq!(Entry::read("?"), Entry::Help);
        assert_eq!(Entry::read("   "), Entry::Empty);
        assert_eq!(
            Entry::read(" quit smoking, as a poster "),
            Entry::Line("quit smoking, as a poster".into())
        );
    }
}
