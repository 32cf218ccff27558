//! Comparing the type that the bytes show with the declared one.

use media_types::{MediaType, Mime, sniff, sniff_page};

use crate::error::{LoadError, LoadErrorKind};

/// What happens if the bytes show another type than the declared one.
///
/// If the bytes show no type, the declared one is used. Containers for both audio and video
/// (`audio/mp4` and `video/mp4`), office files that are ZIP archives, and text declared as any kind of
/// text do not contradict. `application/octet-stream` declares nothing. A type of another kind (an
/// image declared as audio, HTML declared as an image) is an error under every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MimePolicy {
    /// The type that the bytes show is used if it is of the same kind: a JPEG declared as PNG loads as
    /// JPEG. This is the default, since images with a wrong type are common and model providers refuse
    /// them.
    #[default]
    Correct,
    /// Any contradiction is an error.
    Reject,
}

impl MimePolicy {
    /// Returns the type of media with a declared type that starts with these bytes.
    pub(crate) fn resolve_bytes(self, declared: &Mime, head: &[u8]) -> Result<Mime, LoadError> {
        if is_raw_audio(declared) {
            return Ok(declared.clone());
        }
        match sniff(head) {
            Some(_) if is_text(declared) && looks_like_text(head) => Ok(declared.clone()),
            Some(found) => self.resolve(declared, found),
            None if declared.media_type() == MediaType::Document => Ok(declared.clone()),
            // A server's error in the place of media.
            None => match sniff_page(head) {
                Some(found) => self.resolve(declared, found),
                None => Ok(declared.clone()),
            },
        }
    }

    /// Returns the type of media from a server, which may send a type too. It is used if neither the
    /// declaration nor the bytes show one. If the bytes show none, it reveals a page or text instead of
    /// an image, audio or video, which is how servers report errors.
    #[cfg(feature = "http")]
    pub(crate) fn resolve_served(
        self,
        declared: &Mime,
        head: &[u8],
        served: Option<Mime>,
    ) -> Result<Mime, LoadError> {
        let decided = self.resolve_bytes(declared, head)?;
        let Some(served) = served.filter(|_| sniff(head).is_none()) else {
            return Ok(decided);
        };
        if decided == Mime::OCTET_STREAM && !served.is_active() {
            return Ok(served);
        }
        if decided.media_type() != MediaType::Document && is_text(&served) {
            return Err(LoadError::new(LoadErrorKind::MimeMismatch {
                declared: decided,
                found: served,
            }));
        }
        Ok(decided)
    }

    /// Returns the type of media that has two declared types.
    pub(crate) fn resolve(self, declared: &Mime, found: Mime) -> Result<Mime, LoadError> {
        if *declared == Mime::OCTET_STREAM {
            return Ok(found);
        }
        if *declared == found || found == Mime::OCTET_STREAM || are_compatible(declared, &found) {
            return Ok(declared.clone());
        }
        let same_kind = declared.media_type() == found.media_type();
        if self == Self::Correct && same_kind && !found.is_active() {
            return Ok(found);
        }
        Err(LoadError::new(LoadErrorKind::MimeMismatch {
            declared: declared.clone(),
            found,
        }))
    }
}

/// Whether a type is audio without a header, whose bytes may look like anything.
fn is_raw_audio(mime: &Mime) -> bool {
    matches!(mime.as_str(), "audio/pcm" | "audio/l16" | "audio/basic")
}

/// Whether a type is text. Its first characters do not show what it is.
fn is_text(mime: &Mime) -> bool {
    let name = mime.as_str();
    mime.media_type() == MediaType::Document
        && (name.starts_with("text/")
            || name.ends_with("+json")
            || name.ends_with("+xml")
            || matches!(
                name,
                "application/json" | "application/xml" | "application/javascript"
            ))
}

fn looks_like_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The end of the head splits a character.
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.contains(&0)
}

fn are_compatible(declared: &Mime, found: &Mime) -> bool {
    const FAMILIES: [&[&str]; 6] = [
        &[
            "audio/mp4",
            "video/mp4",
            "video/quicktime",
            "video/x-m4v",
            "video/3gpp",
            "audio/3gpp",
        ],
        &[
            "audio/webm",
            "video/webm",
            "video/x-matroska",
            "audio/x-matroska",
        ],
        &["audio/ogg", "audio/opus", "video/ogg"],
        &["image/heic", "image/heif"],
        &["image/svg+xml", "application/xml"],
        &[
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/x-ole-storage",
        ],
    ];
    let both_in =
        |family: &&[&str]| family.contains(&declared.as_str()) && family.contains(&found.as_str());
    FAMILIES.iter().any(both_in)
        || *found == Mime::APPLICATION_ZIP && is_zip_based(declared)
        || *declared == Mime::APPLICATION_ZIP && is_zip_based(found)
}

fn is_zip_based(mime: &Mime) -> bool {
    let name = mime.as_str();
    name.starts_with("application/")
        && ["openxmlformats", "opendocument", "zip", "java-archive"]
            .iter()
            .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";
    const HTML: &[u8] = b"<!DOCTYPE html><title>404</title>";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0";

    fn resolve_bytes(
        policy: MimePolicy,
        declared: &str,
        head: &[u8],
    ) -> Result<String, LoadErrorKind> {
        policy
            .resolve_bytes(&declared.parse().unwrap(), head)
            .map(|mime| mime.to_string())
            .map_err(|error| error.kind().clone())
    }

    #[test]
    fn bytes_of_the_same_kind_correct_or_reject() {
        use MimePolicy::{Correct, Reject};
        assert_eq!(
            resolve_bytes(Correct, "image/png", PNG).unwrap(),
            "image/png"
        );
        assert_eq!(
            resolve_bytes(Correct, "image/png", JPEG).unwrap(),
            "image/jpeg"
        );
        assert_eq!(
            resolve_bytes(Reject, "image/png", PNG).unwrap(),
            "image/png"
        );
        assert!(resolve_bytes(Reject, "image/png", JPEG).is_err());
        for policy in [Correct, Reject] {
            let octets = "application/octet-stream";
            assert_eq!(resolve_bytes(policy, octets, JPEG).unwrap(), "image/jpeg");
            assert_eq!(resolve_bytes(policy, octets, b"??").unwrap(), octets);
            assert_eq!(
                resolve_bytes(policy, "image/x-new", b"??").unwrap(),
                "image/x-new"
            );
        }
    }

    #[test]
    fn another_kind_is_an_error_under_every_policy() {
        for policy in [MimePolicy::Correct, MimePolicy::Reject] {
            for (declared, head) in [
                ("image/png", HTML),
                ("image/svg+xml", HTML),
                ("application/pdf", HTML),
                ("audio/wav", PNG),
                ("image/png", b"%PDF-1.7\n"),
                ("text/plain", PNG),
                ("image/png", ZIP),
                ("image/png", b"{\"error\": 404}"),
                ("audio/mpeg", b"\0\0[{\"error\": 404}]"),
                ("image/png", b"\xfe\xff\0<\0h\0t\0m\0l\0>"),
            ] {
                let kind = resolve_bytes(policy, declared, head).unwrap_err();
                assert!(
                    matches!(&kind, LoadErrorKind::MimeMismatch { declared: d, .. } if d.as_str() == declared),
                    "{declared}: {kind:?}"
                );
            }
        }
    }

    #[test]
    fn harmless_differences_are_none() {
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        let m4a = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp41";
        for (declared, head) in [
            ("text/plain", &b"BMW is a car"[..]),
            ("text/markdown", b"<html> is a tag"),
            ("text/plain", b"%PDF is a magic word"),
            ("application/json", b"[1]"),
            ("video/mp4", m4a),
            (docx, ZIP),
            ("audio/pcm", JPEG),
            (
                "audio/x-matroska",
                b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska",
            ),
            ("audio/amr", b"{ not JSON"),
            ("image/svg+xml", b"<?xml version='1.0'?><svg/>"),
        ] {
            let decided = resolve_bytes(MimePolicy::Reject, declared, head);
            assert_eq!(decided.unwrap(), declared);
        }
    }
}
