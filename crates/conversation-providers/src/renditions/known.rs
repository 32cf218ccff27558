//! What is known of images that were looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use media_image::{ImageInfo, Profile};

/// Images that are remembered; the oldest are forgotten first.
const CAPACITY: usize = 16 * 1024;

/// What is known of an image.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// Its header was read.
    Info(ImageInfo),
    /// It cannot be read as an image, or no rendition of it can be made.
    Useless,
}

/// The id of a reference, and the profile that counts, if it is not the image alone.
type Key = (String, Option<Profile>);

/// A bounded memory of images, by the ids of their references and by profile.
#[derive(Debug, Default)]
pub(super) struct KnownImages(Mutex<Images>);

#[derive(Debug, Default)]
struct Images {
    by_key: HashMap<Key, Known>,
    order: VecDeque<Key>,
}

impl KnownImages {
    fn images(&self) -> MutexGuard<'_, Images> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known of an image, whatever the profile.
    pub(super) fn get(&self, id: &str) -> Option<Known> {
        self.images().by_key.get(&(id.to_owned(), None)).copied()
    }

    /// Whether there is no rendition of an image by a profile: none can be made, or none is needed.
    pub(super) fn has_none(&self, id: &str, profile: &Profile) -> bool {
        let key = (id.to_owned(), Some(profile.clone()));
        self.images().by_key.contains_key(&key)
    }

    pub(super) fn note(&self, id: &str, known: Known) {
        self.insert((id.to_owned(), None), known);
    }

    /// Notes that there is no rendition of an image by a profile.
    pub(super) fn note_none(&self, id: &str, profile: &Profile) {
        let key = (id.to_owned(), Some(profile.clone()));
        self.insert(key, Known::Useless);
    }

    fn insert(&self, key: Key, known: Known) {
        let mut images = self.images();
        if images.by_key.insert(key.clone(), known).is_some() {
            return;
        }
        images.order.push_back(key);
        if images.order.len() > CAPACITY
            && let Some(oldest) = images.order.pop_front()
        {
            images.by_key.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_images_are_forgotten() {
        let known = KnownImages::default();
        for index in 0..CAPACITY + 10 {
            known.note(&index.to_string(), Known::Useless);
            known.note(&index.to_string(), Known::Useless);
        }
        assert!(known.get("9").is_none() && known.get("10").is_some());
        assert_eq!(known.images().by_key.len(), CAPACITY);
    }
}
