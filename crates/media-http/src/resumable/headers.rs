//! The headers of the protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use crate::upload::Declared;

/// The version of the protocol.
pub(super) const VERSION: &str = "1.0.0";
/// The type of the body of a part.
pub(super) const PART_TYPE: &str = "application/offset+octet-stream";
/// The extensions of the protocol that are served.
pub(super) const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination,checksum";

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName =
    HeaderName::from_static("tus-checksum-algorithm");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Longest metadata that is kept, in bytes.
const MAX_METADATA_LEN: usize = 4096;

/// Reads `Upload-Metadata`: pairs of a key and a value in base64. Names and types of files have the keys
/// that clients have agreed on.
pub(super) fn declared(metadata: &str) -> Result<Declared, &'static str> {
    if metadata.len() > MAX_METADATA_LEN {
        return Err("Upload-Metadata has more than 4096 bytes");
    }
    let mut declared = Declared::default();
    let mut keys = Vec::new();
    for pair in metadata.split(',').filter(|_| !metadata.is_empty()) {
        let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        if key.is_empty() || keys.contains(&key) {
            return Err("a key of Upload-Metadata is empty or stands twice");
        }
        keys.push(key);
        let value = STANDARD
            .decode(value.trim())
            .map_err(|_| "a value of Upload-Metadata is not base64")?;
        let text = || {
            String::from_utf8(value)
                .ok()
                .filter(|text| !text.is_empty())
        };
        match key {
            "filename" | "name" => declared.filename = declared.filename.or_else(text),
            "filetype" | "type" => declared.mime = declared.mime.or_else(text),
            _ => {}
        }
    }
    Ok(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_as_clients_write_it() {
        let read = declared("filename YSBiLnBuZw==,filetype aW1hZ2UvcG5n,is_confidential").unwrap();
        assert_eq!(read.filename.as_deref(), Some("a b.png"));
        assert_eq!(read.mime.as_deref(), Some("image/png"));
        let read = declared("relativePath bnVsbA==, name YQ==").unwrap();
        assert_eq!((read.filename.as_deref(), read.mime), (Some("a"), None));
        // Not UTF-8: as if it were not there.
        assert!(declared("filename /w==").unwrap().filename.is_none());
        assert!(declared("").unwrap().filename.is_none());
        for wrong in [
            "filename *",
            ",",
            "a YQ==,a YQ==",
            "filename YQ== YQ==",
            " YQ==,",
            &"a".repeat(4097),
        ] {
            assert!(declared(wrong).is_err(), "{wrong}");
        }
    }
}
