//! What is known of images that were looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use media_image::ImageInfo;

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

/// A bounded memory of images, by the ids of their references.
#[derive(Debug, Default)]
pub(super) struct KnownImages(Mutex<Images>);

#[derive(Debug, Default)]
struct Images {
    by_id: HashMap<String, Known>,
    order: VecDeque<String>,
}

impl KnownImages {
    fn images(&self) -> MutexGuard<'_, Images> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: &str) -> Option<Known> {
        self.images().by_id.get(id).copied()
    }

    pub(super) fn note(&self, id: &str, known: Known) {
        let mut images = self.images();
        if images.by_id.insert(id.to_owned(), known).is_some() {
            return;
        }
        images.order.push_back(id.to_owned());
        if images.order.len() > CAPACITY
            && let Some(oldest) = images.order.pop_front()
        {
            images.by_id.remove(&oldest);
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
        assert_eq!(known.images().by_id.len(), CAPACITY);
    }
}
