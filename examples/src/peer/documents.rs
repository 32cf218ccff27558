//! What the peer says about PDF documents that were sent to it. It knows nothing but their bytes, so that a right
//! answer proves that the bytes arrived.

use serde_json::Value;

use super::payload::{decode_base64, sha256_hex, split_data_uri, start_of};
use super::refusal::Refusal;
use crate::sizes::{count, human};

const PDF: &str = "application/pdf";

/// A document, seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    name: String,
    bytes: u64,
    pages: u64,
    sha256: String,
}

impl Document {
    /// Looks at the value of `file` in a part; `place` names the part in errors.
    ///
    /// # Errors
    /// When it names a file that the service keeps, has no name or no data, or holds no PDF.
    pub fn from_file(file: Option<&Value>, place: &str) -> Result<Self, Refusal> {
        let text = |name: &str| file.and_then(|file| file.get(name)?.as_str());
        let missing = |name: &str| Refusal::missing(format!("{place}.file.{name}"));
        let param = format!("{place}.file.file_data");
        if text("file_id").is_some() {
            let message = "This local peer keeps no files: send 'file_data'.";
            return Err(Refusal::invalid(message).with_param(place));
        }
        let name = text("filename").ok_or_else(|| missing("filename"))?;
        let data = text("file_data").ok_or_else(|| missing("file_data"))?;
        let Some((PDF, data)) = split_data_uri(data) else {
            let message = format!(
                "Invalid file data: '{param}'. Expected a base64-encoded data URL with an {PDF} MIME type."
            );
            return Err(Refusal::invalid(message)
                .with_code("invalid_value")
                .with_param(param));
        };
        let bytes = decode_base64(data, place)?;
        Self::look(name, &bytes).ok_or_else(|| {
            let message = "The file could not be processed: it is not a PDF.";
            Refusal::invalid(message)
                .with_code("invalid_value")
                .with_param(param)
        })
    }

    /// The document in these bytes, if they are a PDF.
    #[must_use]
    pub fn look(name: &str, bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(b"%PDF-").then(|| Self {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            pages: pages(bytes),
            sha256: sha256_hex(bytes),
        })
    }

    /// Name, size in bytes and pages, and the start of the SHA-256.
    #[must_use]
    pub fn describe(&self) -> String {
        let size = human(self.bytes);
        let pages = match self.pages {
            0 => "pages that are packed".to_owned(),
            pages => count(pages, "page"),
        };
        format!(
            "the PDF document {} of {} bytes ({size}), {pages}, SHA-256 {}…",
            self.name,
            self.bytes,
            start_of(&self.sha256)
        )
    }
}

/// The pages of a document; 0 where they are in compressed objects.
fn pages(pdf: &[u8]) -> u64 {
    const TYPE: &[u8] = b"/Type";
    const PAGE: &[u8] = b"/Page";
    let ends = pdf
        .windows(TYPE.len())
        .enumerate()
        .filter(|(_, window)| *window == TYPE)
        .filter_map(|(at, _)| {
            let value = pdf.get(at + TYPE.len()..)?.trim_ascii_start();
            value.strip_prefix(PAGE)
        });
    // `/Pages` is the list of them.
    ends.filter(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::pages;

    #[test]
    fn pages_are_counted_and_the_list_of_pages_is_not() {
        let pdf =
            b"<</Type/Pages/Kids[3 0 R]>> <</Type /Page/Parent 2 0 R>> <</Type\n/Page>> /Type";
        assert_eq!(pages(pdf), 2);
        assert_eq!(pages(b"%PDF-1.7"), 0);
    }
}
