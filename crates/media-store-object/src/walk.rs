//! Walking over what is stored: keys, and the sidecars they lead to.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt};
use media_storage::{Scope, StorageError, StorageErrorKind};
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::bucket::Bucket;
use crate::keys::{Keys, MediaKey, Outer};
use crate::layout::root_of;
use crate::sidecar::{self, Described, Place};

/// How many sidecars are read at once.
const READ_AT_ONCE: usize = 16;

/// What a walk comes by.
#[derive(Clone, Debug)]
pub(crate) enum Walked {
    /// A sidecar.
    Reference(Reference),
    /// Media with no sidecar right after it.
    Alone(Own),
}

/// A sidecar that a walk came by.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) key: MediaKey,
    pub(crate) modified: DateTime<Utc>,
    /// The media that lies beside it.
    pub(crate) own: Option<Own>,
}

/// Media that is not shared.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) key: MediaKey,
    pub(crate) size: u64,
    pub(crate) modified: DateTime<Utc>,
}

struct Walk {
    listed: BoxStream<'static, Result<ObjectMeta, StorageError>>,
    keys: Keys,
    held: Option<Own>,
    ready: VecDeque<Result<Walked, StorageError>>,
    ended: bool,
}

impl Walk {
    fn see(&mut self, listed: Option<Result<ObjectMeta, StorageError>>) {
        let meta = match listed {
            Some(Ok(meta)) => meta,
            Some(Err(error)) => {
                // A listing does not go on after a failure.
                self.ended = true;
                return self.ready.push_back(Err(error));
            }
            None => {
                self.ended = true;
                let alone = self.held.take().map(|own| Ok(Walked::Alone(own)));
                return self.ready.extend(alone);
            }
        };
        let Some(outer) = self.keys.outer(&meta.location) else {
            return;
        };
        let held = self.held.take();
        let modified = meta.last_modified;
        match outer {
            Outer::Media(key) => {
                self.ready.extend(held.map(|own| Ok(Walked::Alone(own))));
                let size = meta.size;
                self.held = Some(Own {
                    key,
                    size,
                    modified,
                });
            }
            Outer::Sidecar(key) => {
                let (own, alone) = match held {
                    Some(own) if own.key == key => (Some(own), None),
                    other => (None, other),
                };
                self.ready.extend(alone.map(|own| Ok(Walked::Alone(own))));
                self.ready
                    .push_back(Ok(Walked::Reference(Reference { key, modified, own })));
            }
            Outer::Other => self.held = held,
        }
    }
}

/// Everything under a root. Costs one listing.
pub(crate) fn walk(
    bucket: &Bucket,
    keys: &Keys,
    root: &Path,
) -> BoxStream<'static, Result<Walked, StorageError>> {
    let walk = Walk {
        listed: bucket.list(root, None),
        keys: keys.clone(),
        held: None,
        ready: VecDeque::new(),
        ended: false,
    };
    let walked = stream::unfold(walk, |mut walk| async move {
        loop {
            if let Some(item) = walk.ready.pop_front() {
                return Some((item, walk));
            }
            if walk.ended {
                return None;
            }
            let listed = walk.listed.next().await;
            walk.see(listed);
        }
    });
    walked.boxed()
}

/// A reference whose sidecar was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) reference: Reference,
    /// What the sidecar says; `None` when it is gone meanwhile. An error concerns this one only.
    pub(crate) described: Result<Option<Described>, StorageError>,
}

/// All references under a root with their sidecars, several of which are read at once. An error
/// of the stream is one of the listing.
pub(crate) fn read_all(
    bucket: &Bucket,
    keys: &Keys,
    walked: BoxStream<'static, Result<Walked, StorageError>>,
) -> BoxStream<'static, Result<Seen, StorageError>> {
    let (bucket, keys) = (bucket.clone(), keys.clone());
    walked
        .map(move |walked| {
            let (bucket, keys) = (bucket.clone(), keys.clone());
            async move {
                Ok(match walked? {
                    Walked::Alone(own) => Seen::Alone(own),
                    Walked::Reference(reference) => {
                        let described = sidecar::read(&bucket, &keys, &reference.key).await;
                        Seen::Read(Box::new(Read {
                            reference,
                            described,
                        }))
                    }
                })
            }
        })
        .buffer_unordered(READ_AT_ONCE)
        .boxed()
}

/// What a walk that reads sidecars comes by.
#[derive(Debug)]
pub(crate) enum Seen {
    Read(Box<Read>),
    Alone(Own),
}

/// A reference that belongs to a scope.
#[derive(Debug)]
pub(crate) struct InScope {
    pub(crate) key: MediaKey,
    pub(crate) described: Described,
}

/// The references of a scope. Of two kinds of errors, [`Broken::One`] concerns a single one.
pub(crate) fn in_scope(
    bucket: &Bucket,
    keys: &Keys,
    scope: Scope,
) -> BoxStream<'static, Result<InScope, Broken>> {
    let (bucket, keys) = (bucket.clone(), keys.clone());
    let begun = {
        let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
        stream::once(async move {
            match root_of(&bucket, &keys, &scope).await {
                Ok(root) => read_all(&bucket, &keys, walk(&bucket, &keys, &root)),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
    };
    begun
        .flatten()
        .filter_map(move |seen| {
            let (bucket, keys, scope) = (bucket.clone(), keys.clone(), scope.clone());
            async move { member(&bucket, &keys, &scope, seen).await.transpose() }
        })
        .boxed()
}

/// What went wrong in a walk.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The walk itself; there is nothing after it.
    Walk(StorageError),
    /// One reference, whose sidecar does not read.
    One(MediaKey, StorageError),
}

async fn member(
    bucket: &Bucket,
    keys: &Keys,
    scope: &Scope,
    seen: Result<Seen, StorageError>,
) -> Result<Option<InScope>, Broken> {
    let read = match seen.map_err(Broken::Walk)? {
        Seen::Read(read) => *read,
        Seen::Alone(_) => return Ok(None),
    };
    let Read {
        reference,
        described,
    } = read;
    let described = match described {
        Ok(Some(described)) => described,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == StorageErrorKind::Corrupted => {
            return Err(Broken::One(reference.key, error));
        }
        Err(error) => return Err(Broken::Walk(error)),
    };
    if !described.sidecar.is_in(scope) {
        return Ok(None);
    }
    let stands = described.stands(bucket, keys, &reference.key).await;
    if !stands.map_err(Broken::Walk)? {
        return Ok(None);
    }
    // Before an upload is completed its sidecar is there already.
    if described.place == Place::Own && reference.own.is_none() {
        let object = keys.media(&reference.key).map_err(Broken::Walk)?;
        if bucket.head(&object).await.map_err(Broken::Walk)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(InScope {
        key: reference.key,
        described,
    }))
}
