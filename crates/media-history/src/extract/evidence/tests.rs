//! What bytes and places show.

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

fn evidence(fields: &[(&str, &str)]) -> Evidence {
    let mut evidence = Evidence::default();
    for (key, value) in fields {
        evidence.note(key.as_bytes(), value.as_bytes());
    }
    evidence
}

fn judged(key: &str, own: &[(&str, &str)], head: &[u8]) -> [Verdict; 2] {
    let own = evidence(own);
    let place = Place {
        key: key.as_bytes(),
        parent_key: b"",
        own: Some(&own),
        around: [None, None],
    };
    [false, true].map(|is_last| judge(place, head, is_last))
}

#[test]
fn keys_and_bytes_tell_media_from_text() {
    use Verdict::{Later, Media, Opaque, Text};
    for (key, own, head, verdict) in [
        (
            "data",
            &[("media_type", "image/png")][..],
            &b"xx"[..],
            [Media; 2],
        ),
        ("data", &[("type", "base64")], b"xx", [Media; 2]),
        ("data", &[], b"xx", [Later, Text]),
        ("data", &[], PNG, [Media; 2]),
        (
            "data",
            &[("type", "text"), ("media_type", "text/plain")],
            b"xx",
            [Text; 2],
        ),
        (
            "data",
            &[("media_type", "text/plain")],
            b"xx",
            [Later, Media],
        ),
        ("data", &[("type", "redacted_thinking")], PNG, [Opaque; 2]),
        ("content", &[("role", "user")], PNG, [Later, Text]),
        ("content", &[("mime_type", "image/png")], b"xx", [Media; 2]),
        ("text", &[("mime_type", "image/png")], PNG, [Text; 2]),
        ("id", &[("mime_type", "image/png")], b"xx", [Text; 2]),
        ("anything", &[], PNG, [Media; 2]),
        ("anything", &[], b"BM..", [Text; 2]),
        ("blob", &[], b"xx", [Media; 2]),
        ("signature", &[], PNG, [Opaque; 2]),
        ("data", &[("format", "wav")], b"xx", [Media; 2]),
        ("data", &[("format", "date-time")], b"xx", [Later, Text]),
        ("data", &[("media_type", "png")], b"xx", [Media; 2]),
    ] {
        assert_eq!(judged(key, own, head), verdict, "{key} {own:?}");
    }
}

#[test]
fn no_format_begins_with_a_byte_that_none_begins_with() {
    for head in [
        PNG,
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"GIF89a......",
        b"RIFF....WEBPVP8 ",
        b"RIFF....WAVEfmt ",
        b"RIFF....AVI LIST",
        b"II*\0\x08\0\0\0CR\x02\0....",
        b"II*\0\x08\0\0\0........",
        b"MM\0*\0\0\0\x08....",
        b"8BPS........",
        b"\0\0\0\x18ftypheic....heicmp41",
        b"\0\0\0\x18ftypavif....avifmp41",
        b"\0\0\0\x18ftypisom....isommp41",
        b"\0\0\0\x18ftypM4A ....M4A mp41",
        b"ID3\x03\0\0\0........",
        b"OggS\0\x02........",
        b"fLaC\0\0\0\"....",
        b"FORM....AIFF....",
        b"FLV\x01............",
        b"MThd....",
        b"#!AMR\n......",
        b"%PDF-1.7....",
        b"PK\x03\x04............................",
        b"<svg xmlns=''>",
        b"\xef\xbb\xbf<svg>",
    ] {
        assert!(shows_media(head), "{}", head.escape_ascii());
        assert!(may_show_media(head[0]), "{}", head.escape_ascii());
    }
    for (key, by_bytes) in [
        ("id", true),
        ("data", false),
        ("blob", false),
        ("text", false),
    ] {
        let place = Place {
            key: key.as_bytes(),
            parent_key: b"",
            own: None,
            around: [None, None],
        };
        assert_eq!(is_judged_by_bytes(place), by_bytes, "{key}");
    }
}

#[test]
fn the_types_of_objects_around_count_for_the_data_in_them() {
    let around = evidence(&[("content_type", "image/png")]);
    let own = Evidence::default();
    let place = |key: &'static str| Place {
        key: key.as_bytes(),
        parent_key: b"source",
        own: Some(&own),
        around: [None, Some(&around)],
    };
    assert_eq!(judge(place("value"), b"xx", false), Verdict::Media);
    assert_eq!(judge(place("id"), b"xx", false), Verdict::Text);
    assert_eq!(named_mime(place("value")), Some(Mime::IMAGE_PNG));
}
