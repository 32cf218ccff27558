//! How an example reports that something went wrong: one sentence, what to do, and the causes.

use std::error::Error;
use std::fmt::{self, Write as _};

/// What ends an example.
#[derive(Debug)]
pub struct Failure {
    what: What,
    advice: String,
}

#[derive(Debug)]
enum What {
    Said {
        text: String,
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    Error(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// `what` is a sentence and `advice` is one, both without the full stop.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        let what = What::Said {
            text: what.into(),
            source: None,
        };
        Self {
            what,
            advice: advice.into(),
        }
    }

    /// Creates a failure whose text is that of an error.
    pub fn from_error(
        error: impl Into<Box<dyn Error + Send + Sync>>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            what: What::Error(error.into()),
            advice: advice.into(),
        }
    }

    /// Sets the error behind it, which reports its own causes.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let what = What::Said {
            text: self.to_string(),
            source: Some(source.into()),
        };
        Self { what, ..self }
    }

    /// All that is printed: `error: <what>. <advice>.` and a line `caused by: ...` for each cause.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = format!(
            "error: {}. {}.\n",
            one_line(&self.to_string()),
            one_line(&self.advice)
        );
        let mut cause = self.source();
        // A chain that goes in a circle must not fill the screen.
        for _ in 0..16 {
            let Some(error) = cause else { break };
            let _ = writeln!(report, "  caused by: {}", one_line(&error.to_string()));
            cause = error.source();
        }
        report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Said { text, .. } => f.write_str(text),
            What::Error(error) => error.fmt(f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.what {
            What::Said { source, .. } => source
                .as_deref()
                .map(|source| source as &(dyn Error + 'static)),
            What::Error(error) => error.source(),
        }
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_one_sentence_an_advice_and_every_cause() {
        let inner = std::io::Error::other("disk is full\nreally");
        let middle = Failure::new("cannot write", "free some space").with_source(inner);
        let outer = Failure::new(
            "cannot store the image.",
            "Free some space, then run this again",
        )
        .with_source(middle);
        assert_eq!(
            outer.report(),
            "error: cannot store the image. Free some space, then run this again.\n  \
             caused by: cannot write\n  caused by: disk is full really\n"
        );
    }
}
