//! What the versioned data files have in common.

use std::fmt;

/// Error returned when a data file (prices, capabilities) cannot be used.
#[derive(Debug)]
pub struct DataError(Cause);

#[derive(Debug)]
enum Cause {
    Json(serde_json::Error),
    Version { found: u32, known: u32 },
    NegativePrice,
}

impl DataError {
    pub(crate) fn negative_price() -> Self {
        Self(Cause::NegativePrice)
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Json(_) => f.write_str("data file does not have the expected form"),
            Cause::Version { found, known } => write!(
                f,
                "data file has format version {found}, this build supports {known}"
            ),
            Cause::NegativePrice => f.write_str("data file holds a negative price"),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for DataError {
    fn from(error: serde_json::Error) -> Self {
        Self(Cause::Json(error))
    }
}

pub(crate) fn check_version(found: u32, known: u32) -> Result<(), DataError> {
    if found == known {
        Ok(())
    } else {
        Err(DataError(Cause::Version { found, known }))
    }
}

/// Returns the name of a model without what says which state of it is meant: a date
/// (`-2024-08-06`, `-20250929`, `@20250929`), a number of three digits (`-001`), or `-latest`.
pub(crate) fn without_date(model: &str) -> Option<&str> {
    const FORMS: [&str; 4] = ["-dddd-dd-dd", "-dddddddd", "@dddddddd", "-ddd"];
    let fits = |form: &&&str| {
        let start = model.len().saturating_sub(form.len());
        let end = model.as_bytes().get(start..).unwrap_or_default();
        end.len() == form.len()
            && end.iter().zip(form.bytes()).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                other => *byte == other,
            })
    };
    let name = match FORMS.iter().find(fits) {
        Some(form) => model.get(..model.len() - form.len()),
        None => model.strip_suffix("-latest"),
    };
    name.filter(|name| !name.is_empty())
}

/// Whether a pattern (text, or text that ends in `*`) matches.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// The name of a model without the vendor that gateways put before it: `openai/gpt-5`.
pub(crate) fn without_vendor(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}
