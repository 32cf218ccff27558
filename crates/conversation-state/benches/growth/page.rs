//! A section of a page that is written by programs.

use std::path::Path;

use crate::Failure;

/// Puts a text between the marks of a name.
pub(crate) fn put(page: &Path, name: &str, section: &str) -> Result<(), Failure> {
    let (begin, end) = (
        format!("<!-- {name}: begin -->"),
        format!("<!-- {name}: end -->"),
    );
    let text = std::fs::read_to_string(page)?;
    let (before, rest) = text
        .split_once(&begin)
        .ok_or("the page has no such section")?;
    let (_, after) = rest.split_once(&end).ok_or("the section has no end")?;
    std::fs::write(page, format!("{before}{begin}\n{section}{end}{after}"))?;
    Ok(())
}
