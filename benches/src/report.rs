//! What was measured, as Markdown, with the target beside each figure.

use std::fmt::Write as _;
use std::path::Path;

use crate::Result;
use crate::stats::Samples;

/// One measured thing.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    figure: String,
    spread: String,
    ratio: String,
    target: String,
    met: Option<bool>,
}

impl Row {
    /// A time in microseconds, measured many times.
    pub fn time(what: impl Into<String>, times: &Samples) -> Self {
        let (low, high) = times.spread();
        Self {
            spread: format!("{} – {}", time(low), time(high)),
            ..Self::figure(what, time(times.median()))
        }
    }

    /// Any figure.
    pub fn figure(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            figure: figure.into(),
            spread: String::new(),
            ratio: String::new(),
            target: String::new(),
            met: None,
        }
    }

    /// Says how much it varies.
    #[must_use]
    pub fn with_spread(mut self, spread: impl Into<String>) -> Self {
        self.spread = spread.into();
        self
    }

    /// Compares it with something measured in the same rounds.
    #[must_use]
    pub fn with_ratio(mut self, ratio: f64) -> Self {
        self.ratio = format!("{ratio:.2}");
        self
    }

    /// Holds it to a target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>, met: bool) -> Self {
        self.target = target.into();
        self.met = Some(met);
        self
    }
}

/// One line of a table that has columns of its own.
#[derive(Clone, Debug)]
pub struct Line {
    cells: Vec<String>,
    target: String,
    met: Option<bool>,
}

impl Line {
    /// The cells; the first says what it is.
    pub fn new(cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            cells: cells.into_iter().collect(),
            target: String::new(),
            met: None,
        }
    }

    /// Holds it to a target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>, met: bool) -> Self {
        self.target = target.into();
        self.met = Some(met);
        self
    }
}

/// A time in microseconds, in a unit that suits it.
pub fn time(us: f64) -> String {
    match us {
        us if us.abs() >= 1e6 => format!("{:.2} s", us / 1e6),
        us if us.abs() >= 1000.0 => format!("{:.2} ms", us / 1000.0),
        us => format!("{us:.0} µs"),
    }
}

/// A number with its thousands set apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Tables with what they mean.
#[derive(Clone, Debug, Default)]
pub struct Report {
    text: String,
    met: usize,
    missed: Vec<String>,
}

impl Report {
    /// Adds a paragraph.
    pub fn say(&mut self, text: &str) {
        println!("{text}\n");
        let _ = writeln!(self.text, "{text}\n");
    }

    /// Adds a table under a heading. `ratio` says what the ratios are to.
    pub fn table(&mut self, heading: &str, note: &str, ratio: &str, rows: &[Row]) {
        let mut text = format!(
            "### {heading}\n\n{note}\n\n| what | median | middle 80 % | {ratio} | target | |\n|---|---:|---:|---:|---:|---|\n"
        );
        for row in rows {
            let verdict = self.judge(row.met, heading, &row.what);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {verdict} |",
                row.what, row.figure, row.spread, row.ratio, row.target
            );
        }
        println!("{text}");
        let _ = writeln!(self.text, "{text}");
    }

    /// Adds a table with these columns under a heading; a column of targets comes last.
    pub fn lines(&mut self, heading: &str, note: &str, columns: &[&str], lines: &[Line]) {
        let mut text = format!("### {heading}\n\n{note}\n\n| {}", columns.join(" | "));
        text.push_str(" | target | |\n|---|");
        text.push_str(&"---:|".repeat(columns.len()));
        text.push_str("---|\n");
        for line in lines {
            let what = line.cells.first().map_or("", String::as_str);
            let verdict = self.judge(line.met, heading, what);
            let cells = line.cells.join(" | ");
            let _ = writeln!(text, "| {cells} | {} | {verdict} |", line.target);
        }
        println!("{text}");
        let _ = writeln!(self.text, "{text}");
    }

    /// Counts a target, and words it.
    fn judge(&mut self, met: Option<bool>, heading: &str, what: &str) -> &'static str {
        match met {
            Some(true) => {
                self.met += 1;
                "met"
            }
            Some(false) => {
                self.missed.push(format!("{heading}: {what}"));
                "**not met**"
            }
            None => "",
        }
    }

    /// Which targets were missed.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }

    /// How many targets were met, of how many.
    pub fn score(&self) -> String {
        let all = self.met + self.missed.len();
        format!("{} of {all} targets met", self.met)
    }

    /// Replaces the part of a document between two marks by this report; makes the document where
    /// there is none.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write_into(&self, file: &Path, part: &str, heading: &str) -> Result<()> {
        let (begin, end) = (
            format!("<!-- {part}: begin -->"),
            format!("<!-- {part}: end -->"),
        );
        let mut old = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        if old.trim().is_empty() {
            "# Benchmarks".clone_into(&mut old);
        }
        let body = self.text.trim_end();
        let section = format!(
            "{begin}\n## {heading}\n\n{body}\n\n{}.\n{end}",
            self.score()
        );
        let new = match (old.split_once(&begin), old.split_once(&end)) {
            (Some((before, _)), Some((_, after))) => format!("{before}{section}{after}"),
            _ => format!("{}\n\n{section}\n", old.trim_end()),
        };
        Ok(std::fs::write(file, new)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_suit_the_figure() {
        assert_eq!(time(12.3), "12 µs");
        assert_eq!(time(1250.0), "1.25 ms");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn a_part_of_a_document_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("doc.md");
        for figure in ["1", "2"] {
            let mut report = Report::default();
            let row = Row::figure("x", figure).with_target("3", figure == "1");
            report.table("T", "n", "ratio", &[row]);
            report.write_into(&file, "a", "A").unwrap();
            report.write_into(&file, "b", "B").unwrap();
        }
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.matches("| x | 2 |").count(), 2);
        assert!(!text.contains("| x | 1 |"));
        assert_eq!(text.matches("0 of 1 targets met.").count(), 2);
    }
}
