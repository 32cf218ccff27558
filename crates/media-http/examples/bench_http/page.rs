//! A section of a page that is written by programs.

use std::path::Path;

use crate::Result;

/// Puts a text between the marks of a name.
pub(crate) fn put(page: &Path, name: &str, section: &str) -> Result<()> {
    let begin = format!("<!-- {name}: begin -->");
    let end = format!("<!-- {name}: end -->");
    let text = std::fs::read_to_string(page)?;
    let parts = text.split_once(&begin);
    let (before, rest) = parts.ok_or("the page has no such section")?;
    let (_, after) = rest
        .split_once(&end)
        .ok_or("the section of the page has no end")?;
    std::fs::write(page, format!("{before}{begin}\n{section}{end}{after}"))?;
    Ok(())
}
