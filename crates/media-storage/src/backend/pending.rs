//! References on their way from the job that stored the media to the caller.

use std::fmt;

use media_types::StorageReference;

type Undo = Box<dyn FnOnce(StorageReference) + Send>;

/// The reference of stored media that the caller has not received yet.
///
/// If it is dropped before it is [claimed](Self::claim), because the caller dropped its future, it
/// runs the function that it was created with. A store passes a function that deletes the media.
/// Dropping may happen on a thread of the runtime, so that function must not block; it starts a task
/// or a blocking job instead.
#[must_use = "dropping it deletes the media"]
pub struct PendingReference {
    reference: StorageReference,
    undo: Option<Undo>,
}

impl PendingReference {
    /// Creates a pending reference. `undo` runs at most once, when it is dropped unclaimed.
    pub fn new(
        reference: StorageReference,
        undo: impl FnOnce(StorageReference) + Send + 'static,
    ) -> Self {
        Self {
            reference,
            undo: Some(Box::new(undo)),
        }
    }

    /// Returns the reference and keeps the media.
    pub fn claim(mut self) -> StorageReference {
        self.undo = None;
        self.reference.clone()
    }
}

impl Drop for PendingReference {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            undo(self.reference.clone());
        }
    }
}

impl fmt::Debug for PendingReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingReference")
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn only_an_unclaimed_reference_is_undone() {
        let undone = Arc::new(Mutex::new(Vec::new()));
        let pending = |id: &str| {
            let undone = Arc::clone(&undone);
            let reference = StorageReference::builder("file", id).build().unwrap();
            PendingReference::new(reference, move |reference| {
                undone.lock().unwrap().push(reference.id().to_owned());
            })
        };
        drop(pending("lost.png"));
        assert_eq!(pending("kept.png").claim().id(), "kept.png");
        assert_eq!(*undone.lock().unwrap(), ["lost.png"]);
    }
}
