//! Types that the bytes contradict.

use conversation_types::{Message, Part, Role};
use media_storage::InMemoryStorage;
use media_types::{MediaContent, Mime};

use super::support::{KIB, externalizer, jpeg_bytes, png_bytes, run, typed_bytes};
use crate::{BatchKind, ExternalizeOptions};

#[tokio::test]
async fn types_are_corrected_the_same_way_small_and_large() {
    let zip: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let docx = Mime::APPLICATION_DOCX.as_str();
    for size in [KIB, 100 * KIB - 1, 100 * KIB, 300 * KIB] {
        for (declared, bytes, expected) in [
            (
                "application/octet-stream",
                jpeg_bytes(1, size),
                "image/jpeg",
            ),
            ("image/png", jpeg_bytes(1, size), "image/jpeg"),
            ("image/jpeg", png_bytes(1, size), "image/png"),
            (
                "image/png",
                typed_bytes(b"%PDF-1.7\n\xff", 1, size),
                "application/pdf",
            ),
            ("text/plain", png_bytes(1, size), "image/png"),
            (
                "audio/mpeg",
                typed_bytes(b"RIFF\0\0\0\0WAVEfmt ", 1, size),
                "audio/wav",
            ),
            // No doubt, or no contradiction: what was declared stays.
            ("image/png", png_bytes(1, size), "image/png"),
            (
                "text/plain",
                "%PDF is a magic word ".repeat(size / 20).into(),
                "text/plain",
            ),
            (
                "text/markdown",
                "BM and II* ".repeat(size / 10).into(),
                "text/markdown",
            ),
            (
                "application/json",
                "[1] ".repeat(size / 4).into(),
                "application/json",
            ),
            (
                "image/svg+xml",
                "<svg/> ".repeat(size / 7).into(),
                "image/svg+xml",
            ),
            ("image/png", "<svg/> ".repeat(size / 7).into(), "image/png"),
            (
                "image/png",
                "<html></html> ".repeat(size / 10).into(),
                "image/png",
            ),
            (
                "application/octet-stream",
                "<html></html> ".repeat(size / 10).into(),
                "application/octet-stream",
            ),
            (docx, typed_bytes(zip, 1, size), docx),
            (
                "application/vnd.ms-excel.sheet.macroenabled.12",
                typed_bytes(zip, 1, size),
                "application/vnd.ms-excel.sheet.macroenabled.12",
            ),
            ("audio/pcm", jpeg_bytes(1, size), "audio/pcm"),
            (
                "video/mp4",
                typed_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp41", 1, size),
                "video/mp4",
            ),
            (
                "audio/x-own",
                typed_bytes(b"\xff\xfb\x90\x64", 1, size),
                "audio/x-own",
            ),
            (
                "image/x-own",
                typed_bytes(b"BM????????????", 1, size),
                "image/x-own",
            ),
        ] {
            let store = InMemoryStorage::new();
            let externalizer = externalizer(store, ExternalizeOptions::new());
            let content = MediaContent::from_bytes(declared.parse().unwrap(), bytes.clone())
                .with_caption("c");
            let mut messages = [Message::user(vec![Part::Media(content)])];
            let report = run(&externalizer, BatchKind::User, &mut messages).await;
            let content = messages[0].content[0].as_media().unwrap();
            assert_eq!(
                content.mime().as_str(),
                expected,
                "{declared}, {size} bytes"
            );
            assert_eq!(content.caption(), Some("c"));
            assert_eq!(content.reference().is_some(), bytes.len() >= 100 * KIB);
            assert_eq!(report.corrections.len(), usize::from(declared != expected));
            if let Some(correction) = report.corrections.first() {
                assert_eq!(
                    (correction.message_index, correction.content_index),
                    (10, 0)
                );
                assert_eq!(correction.declared.as_str(), declared);
                assert_eq!(content.media_type(), correction.found.media_type());
            }
        }
    }
}

#[tokio::test]
async fn a_type_in_the_words_of_mcp_is_taken_where_ours_is_missing() {
    let data = media_types::base64::encode(&[7; 3000]);
    let json = format!(r#"{{"type":"audio","data":"{data}","mimeType":"audio/x-own"}}"#);
    let part: Part = serde_json::from_str(&json).unwrap();
    let (_, message) = super::support::externalized(Role::Tool, vec![part]).await;
    let content = message.content[0].as_media().unwrap();
    assert_eq!(content.mime().as_str(), "audio/x-own");
    assert_eq!(content.attribute("mimeType"), None);
}
