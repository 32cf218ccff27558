//! What a server said about itself.

use std::time::Duration;

use media_types::MediaType;
use serde::{Deserialize, Serialize};

/// What a server said about the media that it takes, with the time until which that is believed, in
/// seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServerFacts {
    /// The largest number of images that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<(usize, u64)>,
    /// It takes none of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    none_of: Vec<(MediaType, u64)>,
    /// The most bytes of a request that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<(u64, u64)>,
}

impl ServerFacts {
    pub(crate) fn is_empty(&self) -> bool {
        self.images.is_none() && self.none_of.is_empty() && self.bytes.is_none()
    }

    /// Notes the largest number of images that is taken.
    pub(crate) fn note_max_images(&mut self, images: usize, now: u64, lifetime: Duration) {
        self.images = Some((images, now.saturating_add(lifetime.as_secs())));
    }

    /// Notes that no media of a kind is taken.
    pub(crate) fn note_none_of(&mut self, kind: MediaType, now: u64, lifetime: Duration) {
        self.none_of.retain(|(other, _)| *other != kind);
        let until = now.saturating_add(lifetime.as_secs());
        self.none_of.push((kind, until));
    }

    /// Notes the most bytes of a request that are taken. Of two facts that are believed the lower counts.
    pub(crate) fn note_max_bytes(&mut self, bytes: u64, now: u64, lifetime: Duration) {
        let bytes = self.max_bytes(now).map_or(bytes, |known| known.min(bytes));
        self.bytes = Some((bytes, now.saturating_add(lifetime.as_secs())));
    }

    /// Returns the most bytes of a request that are taken, as far as the server said.
    pub(crate) fn max_bytes(&self, now: u64) -> Option<u64> {
        let (bytes, until) = self.bytes?;
        (now < until).then_some(bytes)
    }

    /// Returns the most images that are taken, as far as the server said.
    pub(crate) fn max_images(&self, now: u64) -> Option<usize> {
        let (images, until) = self.images?;
        (now < until).then_some(images)
    }

    /// Returns whether the server said that it takes no media of a kind.
    pub(crate) fn takes_none_of(&self, kind: MediaType, now: u64) -> bool {
        let mut kinds = self.none_of.iter();
        kinds.any(|(other, until)| *other == kind && now < *until)
    }

    /// Adds what another server that is the same said.
    pub(crate) fn merge(&mut self, other: &Self) {
        if let Some((images, until)) = other.images
            && self.images.is_none_or(|(_, known)| known < until)
        {
            self.images = Some((images, until));
        }
        if let Some((bytes, until)) = other.bytes
            && self.bytes.is_none_or(|(_, known)| known < until)
        {
            self.bytes = Some((bytes, until));
        }
        for (kind, until) in &other.none_of {
            match self.none_of.iter_mut().find(|(known, _)| known == kind) {
                Some((_, known)) => *known = (*known).max(*until),
                None => self.none_of.push((*kind, *until)),
            }
        }
    }

    /// Forgets what is no longer believed.
    pub(crate) fn expire(&mut self, now: u64) {
        self.images = self.images.filter(|(_, until)| now < *until);
        self.bytes = self.bytes.filter(|(_, until)| now < *until);
        self.none_of.retain(|(_, until)| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn facts_are_believed_for_a_while() {
        let mut facts = ServerFacts::default();
        facts.note_max_images(3, 100, HOUR);
        facts.note_none_of(MediaType::Audio, 200, HOUR);
        assert_eq!(facts.max_images(3699), Some(3));
        assert_eq!(facts.max_images(3700), None);
        facts.note_max_bytes(1000, 50, HOUR);
        facts.note_max_bytes(2000, 50, HOUR);
        assert_eq!(
            (facts.max_bytes(3649), facts.max_bytes(3650)),
            (Some(1000), None)
        );
        assert!(facts.takes_none_of(MediaType::Audio, 3799));
        assert!(!facts.takes_none_of(MediaType::Image, 300));
        facts.expire(3750);
        assert_eq!((facts.max_images(0), facts.max_bytes(0)), (None, None));
        assert!(!facts.is_empty());
        facts.expire(3800);
        assert!(facts.is_empty());
    }

    #[test]
    fn the_newer_fact_counts() {
        let mut older = ServerFacts::default();
        older.note_max_images(3, 100, HOUR);
        older.note_max_bytes(1000, 100, HOUR);
        let mut newer = ServerFacts::default();
        newer.note_max_images(5, 200, HOUR);
        newer.note_max_bytes(2000, 200, HOUR);
        newer.note_none_of(MediaType::Video, 200, HOUR);
        older.merge(&newer);
        assert_eq!(older, newer);
        newer.merge(&ServerFacts::default());
        assert_eq!(older, newer);
    }
}
