//! Media that was sent to the peer, whatever its kind.

use super::documents::Document;
use super::photos::{Photo, twins};
use super::recordings::Recording;
use crate::sizes::count;

/// Media in a message of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Attachment {
    /// An image.
    Photo(Photo),
    /// A PDF document.
    Document(Document),
    /// Audio.
    Recording(Recording),
}

impl Attachment {
    /// What it is, its sizes, and the start of its SHA-256.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Photo(photo) => photo.describe(),
            Self::Document(document) => document.describe(),
            Self::Recording(recording) => recording.describe(),
        }
    }

    /// The image, if it is one.
    #[must_use]
    pub fn photo(&self) -> Option<&Photo> {
        match self {
            Self::Photo(photo) => Some(photo),
            _ => None,
        }
    }

    /// Whether it is audio.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self, Self::Recording(_))
    }
}

/// What these media are, a line each, which `lines` gives.
pub(super) fn list(all: &[&Attachment], lines: impl IntoIterator<Item = String>) -> String {
    let twins = twins(all.iter().filter_map(|attachment| attachment.photo()));
    let lines: Vec<String> = lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| format!("{}. {line}", index + 1))
        .collect();
    format!("{}{twins}:\n{}", heading(all), lines.join("\n"))
}

fn heading(all: &[&Attachment]) -> String {
    let number = all.len() as u64;
    if all.iter().all(|one| one.photo().is_some()) {
        format!("I see {}", count(number, "image"))
    } else if all.iter().all(|one| one.is_recording()) {
        format!("I hear {}", count(number, "recording"))
    } else {
        format!("I read {}", count(number, "file"))
    }
}
