//! Questions about a document and about a recording.

use std::path::Path;

use examples::samples;
use media_storage::Sha256Hasher;
use media_types::MediaContent;
use tempfile::tempdir;

use crate::run::{files, longest_base64, run};

/// Runs an example and checks that the answers before and after the restart name the hash of what is on disk.
fn ask(example: &str, place: &Path, arguments: &[&str], bytes: &[u8], described: &str) {
    let out = run(example, place, arguments).ok();
    let hash = Sha256Hasher::digest(bytes).to_hex();
    // Printed from the file once, and by the peer in each of two answers.
    assert_eq!(out.matches(&hash[..16]).count(), 3, "{out}");
    assert_eq!(out.matches(described).count(), 2, "{out}");
    assert_eq!(out.matches("-- all is closed").count(), 1, "{out}");
    assert_eq!(out.matches("(new, from turn 1)").count(), 1, "{out}");
    assert_eq!(out.matches("(sent again, from turn 1)").count(), 1, "{out}");
    let stored = out
        .lines()
        .find_map(|line| line.trim().strip_prefix("stored:"));
    let stored = place.join("media").join(stored.unwrap().trim());
    assert_eq!(std::fs::read(stored).unwrap(), bytes);
    assert!(longest_base64(&place.join("conversations.sqlite")) < 1000);
}

fn bytes_of(content: &MediaContent) -> Vec<u8> {
    content.inline().unwrap().to_vec()
}

#[test]
fn a_document_is_read_before_and_after_a_restart() {
    let place = tempdir().unwrap();
    let mut document = bytes_of(&samples::timetable().content());
    ask("pdf_question", place.path(), &[], &document, ", 2 pages,");

    document.extend(b"% another one\n");
    std::fs::write(place.path().join("other.pdf"), &document).unwrap();
    ask(
        "pdf_question",
        place.path(),
        &["other.pdf"],
        &document,
        "the PDF document other.pdf of",
    );
    let stored = files(&place.path().join("media"));
    let documents = stored.iter().filter(|file| file.ends_with(".pdf"));
    assert_eq!(documents.count(), 2, "{stored:?}");
}

#[test]
fn a_recording_is_heard_before_and_after_a_restart() {
    let place = tempdir().unwrap();
    let notes = bytes_of(&samples::three_notes().content());
    let heard = ", 1.50 s of 16000 Hz in 1 channel,";
    ask("audio_question", place.path(), &[], &notes, heard);

    let mp3 = [&b"ID3"[..], &[7; 20_000]].concat();
    std::fs::write(place.path().join("voice.bin"), &mp3).unwrap();
    ask(
        "audio_question",
        place.path(),
        &["voice.bin"],
        &mp3,
        "an MP3 recording of",
    );
}

#[test]
fn other_files_are_refused_before_anything_is_sent() {
    let place = tempdir().unwrap();
    std::fs::write(place.path().join("text.pdf"), "plain text").unwrap();
    for (example, says) in [
        ("pdf_question", "text.pdf is no PDF document. Give a PDF"),
        ("audio_question", "text.pdf is no WAV or MP3. Give a WAV"),
    ] {
        let ran = run(example, place.path(), &["text.pdf"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.err.contains(says), "{ran:#?}");
    }
    assert_eq!(files(place.path()), ["text.pdf"]);
}
