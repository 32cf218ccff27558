//! A handle on a bucket, with the few requests that everything else is made of.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use media_storage::{Operation, StorageError, StorageErrorKind};
use object_store::path::Path;
use object_store::{
    Attributes, Error, GetOptions, GetRange, GetResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, UpdateVersion,
};

use super::marker_state::MarkerState;
use crate::error::{Verb, from_object_store, is_absent};

/// The version of an object, for conditional writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(UpdateVersion);

impl Version {
    /// Returns the version id that the service gave to the object, beside its entity tag.
    pub(crate) fn id(&self) -> Option<&str> {
        self.0.version.as_deref()
    }
}

/// Outcome of a conditional write.
#[derive(Debug)]
pub(crate) enum Swap {
    /// The object was written and has this version.
    Done(Version),
    /// The write was refused or failed, or its outcome is unknown. Reading the object resolves it.
    Unclear(StorageError),
}

/// Outcome of creating an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// The object was created and has this version.
    Created(Version),
    /// There is an object of this name.
    Exists,
}

/// Outcome of replacing an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// The object was replaced and has this version.
    Done(Version),
    /// The object has another version than the expected one, or does not exist.
    Changed,
}

/// A bucket in the context of one operation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// Writes whole objects without repeating a request, where that makes a difference.
    writer: Option<Arc<dyn ObjectStore>>,
    backend: Cow<'static, str>,
    operation: Operation,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.backend)
    }
}

impl Bucket {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, backend: Cow<'static, str>) -> Self {
        Self {
            store,
            writer: None,
            backend,
            operation: Operation::Open,
        }
    }

    /// Returns a handle on the same bucket that writes whole objects, without conditions, by this store.
    pub(crate) fn writing_by(mut self, writer: Arc<dyn ObjectStore>) -> Self {
        self.writer = Some(writer);
        self
    }

    /// Returns a handle on the same bucket whose client repeats writes as usual.
    pub(crate) fn repeating(mut self) -> Self {
        self.writer = None;
        self
    }

    /// Returns a handle on the same bucket whose errors name this operation.
    pub(crate) fn during(&self, operation: Operation) -> Self {
        Self {
            store: Arc::clone(&self.store),
            writer: self.writer.clone(),
            backend: self.backend.clone(),
            operation,
        }
    }

    /// Returns the name of this kind of store in references.
    pub(crate) fn backend(&self) -> &str {
        &self.backend
    }

    /// Creates an error of the operation.
    pub(crate) fn fail(&self, kind: StorageErrorKind) -> StorageError {
        StorageError::new(kind, self.operation).with_backend(self.backend.clone())
    }

    /// Adds operation and backend to an error of this crate, unless the error is of another store.
    pub(crate) fn adopt(&self, error: StorageError) -> StorageError {
        if error.backend().is_empty() {
            error
                .with_operation(self.operation)
                .with_backend(self.backend.clone())
        } else {
            error
        }
    }

    fn failed(&self, error: Error, verb: Verb) -> StorageError {
        from_object_store(error, self.operation, verb).with_backend(self.backend.clone())
    }

    /// Reads an object of at most `limit` bytes; `None` if it does not exist.
    pub(crate) async fn get(
        &self,
        key: &Path,
        limit: u64,
    ) -> Result<Option<(Bytes, Version)>, StorageError> {
        let Some(result) = self.open(key, None).await? else {
            return Ok(None);
        };
        let version = Version(UpdateVersion {
            e_tag: result.meta.e_tag.clone(),
            version: result.meta.version.clone(),
        });
        let too_large = || {
            self.fail(StorageErrorKind::Corrupted).with_reason(format!(
                "an object is larger than its maximum of {limit} bytes"
            ))
        };
        if result.meta.size > limit {
            return Err(too_large());
        }
        let mut stream = result.into_stream();
        let mut all = BytesMut::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| self.failed(error, Verb::Read))?;
            if (all.len() + piece.len()) as u64 > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(Some((all.freeze(), version)))
    }

    /// Opens an object or a range of it; `None` if it does not exist.
    pub(crate) async fn open(
        &self,
        key: &Path,
        range: Option<Range<u64>>,
    ) -> Result<Option<GetResult>, StorageError> {
        let options = GetOptions::new().with_range(range.map(GetRange::Bounded));
        match self.store.get_opts(key, options).await {
            Ok(result) => Ok(Some(result)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(error, Verb::Read)),
        }
    }

    /// Returns the metadata of an object; `None` if it does not exist.
    pub(crate) async fn head(&self, key: &Path) -> Result<Option<ObjectMeta>, StorageError> {
        match self.store.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(error, Verb::Read)),
        }
    }

    /// Converts an error that occurred while a body was read.
    pub(crate) fn read_failed(&self, error: Error) -> StorageError {
        self.failed(error, Verb::Read)
    }

    /// Writes an object, replacing an existing one. Returns its version.
    pub(crate) async fn put(
        &self,
        key: &Path,
        payload: PutPayload,
        attributes: Attributes,
    ) -> Result<Version, StorageError> {
        let store = self.writer.as_ref().unwrap_or(&self.store);
        let plain = attributes.is_empty();
        let options = PutOptions::from(attributes);
        let result = match store.put_opts(key, payload.clone(), options).await {
            // Object stores on a file system have no headers.
            Err(Error::NotImplemented { .. }) if !plain => {
                let options = PutOptions::default();
                store.put_opts(key, payload, options).await
            }
            other => other,
        };
        result
            .map(|result| Version(result.into()))
            .map_err(|error| self.failed(error, Verb::Write))
    }

    /// Lets the service copy an object, replacing an existing one. The copy has the same headers.
    pub(crate) async fn copy(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        let copied = self.store.copy(from, to).await;
        copied.map_err(|error| self.failed(error, Verb::Write))
    }

    /// Writes an object if it has the expected version, or if it does not exist and `None` is
    /// expected.
    pub(crate) async fn swap(&self, key: &Path, expected: Option<&Version>, body: Bytes) -> Swap {
        let mode = match expected {
            None => PutMode::Create,
            Some(Version(version)) => PutMode::Update(version.clone()),
        };
        let options = PutOptions::from(mode);
        match self.store.put_opts(key, body.into(), options).await {
            Ok(result) => Swap::Done(Version(result.into())),
            Err(error) => Swap::Unclear(self.failed(error, Verb::Write)),
        }
    }

    /// Creates an object if there is none of its name.
    ///
    /// # Errors
    /// The write failed, or its outcome is unknown.
    pub(crate) async fn create(&self, key: &Path, body: Bytes) -> Result<Creation, StorageError> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(key, body.into(), options).await {
            Ok(result) => Ok(Creation::Created(Version(result.into()))),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Creation::Exists),
            Err(error) => Err(self.failed(error, Verb::Write)),
        }
    }

    /// Replaces an object if it has the expected version.
    ///
    /// # Errors
    /// The write failed, or its outcome is unknown.
    pub(crate) async fn replace(
        &self,
        key: &Path,
        expected: &Version,
        body: Bytes,
    ) -> Result<Replacement, StorageError> {
        let options = PutOptions::from(PutMode::Update(expected.0.clone()));
        match self.store.put_opts(key, body.into(), options).await {
            Ok(result) => Ok(Replacement::Done(Version(result.into()))),
            Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {
                Ok(Replacement::Changed)
            }
            Err(error) if is_absent(&error) => Ok(Replacement::Changed),
            Err(error) => Err(self.failed(error, Verb::Write)),
        }
    }

    /// Replaces an object by a tombstone: an empty object, which keeps the name taken.
    pub(crate) async fn bury(&self, key: &Path) -> Result<(), StorageError> {
        let put = self.put(key, PutPayload::new(), Attributes::new());
        put.await.map(drop)
    }

    /// Removes objects, in bulk if the service supports it. Returns how many were removed before the
    /// first failure, with it.
    pub(crate) async fn delete_all(&self, keys: Vec<Path>) -> (usize, Result<(), StorageError>) {
        let all = futures_util::stream::iter(keys.into_iter().map(Ok)).boxed();
        let mut deleted = self.store.delete_stream(all);
        let mut count = 0;
        while let Some(result) = deleted.next().await {
            match result {
                Err(error) if !is_absent(&error) => {
                    return (count, Err(self.failed(error, Verb::Delete)));
                }
                _ => count += 1,
            }
        }
        (count, Ok(()))
    }

    /// Begins a multipart upload.
    pub(crate) async fn begin_multipart(
        &self,
        key: &Path,
        attributes: Attributes,
    ) -> Result<Box<dyn MultipartUpload>, StorageError> {
        let plain = attributes.is_empty();
        let options = PutMultipartOptions::from(attributes);
        let begun = match self.store.put_multipart_opts(key, options).await {
            Err(Error::NotImplemented { .. }) if !plain => {
                let options = PutMultipartOptions::default();
                self.store.put_multipart_opts(key, options).await
            }
            other => other,
        };
        begun.map_err(|error| self.failed(error, Verb::Write))
    }

    /// Converts an error of a multipart upload.
    pub(crate) fn write_failed(&self, error: Error) -> StorageError {
        self.failed(error, Verb::Write)
    }

    /// Removes an object. Succeeds if it does not exist.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), StorageError> {
        match self.store.delete(key).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed(error, Verb::Delete)),
        }
    }

    /// Removes everything under a prefix, in bulk if the service supports it.
    pub(crate) async fn delete_under(&self, prefix: &Path) -> Result<(), StorageError> {
        let listed = self.store.list(Some(prefix));
        self.delete_listed(listed.map_ok(|meta| meta.location).boxed())
            .await
    }

    /// Removes all markers under a prefix that are not tombstones, in bulk if the service supports it.
    pub(crate) async fn delete_live_under(&self, prefix: &Path) -> Result<(), StorageError> {
        let listed = self.store.list(Some(prefix));
        let live = listed.try_filter(|meta| std::future::ready(is_live(meta)));
        self.delete_listed(live.map_ok(|meta| meta.location).boxed())
            .await
    }

    async fn delete_listed(
        &self,
        locations: BoxStream<'static, Result<Path, Error>>,
    ) -> Result<(), StorageError> {
        let mut deleted = self.store.delete_stream(locations);
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(self.failed(error, Verb::Delete)),
            }
        }
        Ok(())
    }

    /// Returns the names of the objects and directories directly under a prefix.
    pub(crate) async fn names(&self, prefix: &Path) -> Result<Vec<String>, StorageError> {
        let listed = self.store.list_with_delimiter(Some(prefix)).await;
        let listed = listed.map_err(|error| self.failed(error, Verb::List))?;
        let objects = listed.objects.into_iter().map(|meta| meta.location);
        Ok(objects
            .chain(listed.common_prefixes)
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect())
    }

    /// Lists the objects under a prefix in the order of the service; the root lists all objects.
    pub(crate) fn list(
        &self,
        prefix: &Path,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta, StorageError>> {
        let prefix = (!prefix.is_root()).then_some(prefix);
        let listed = match after {
            Some(after) => self.store.list_with_offset(prefix, after),
            None => self.store.list(prefix),
        };
        let this = self.clone();
        Box::pin(listed.map_err(move |error| this.failed(error, Verb::List)))
    }

    /// Whether there is any marker under a prefix that is not a tombstone.
    pub(crate) async fn any_live(&self, prefix: &Path) -> Result<bool, StorageError> {
        let mut listed = self.list(prefix, None);
        while let Some(meta) = listed.try_next().await? {
            if is_live(&meta) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there is any object under a prefix.
    pub(crate) async fn any(&self, prefix: &Path) -> Result<bool, StorageError> {
        Ok(self.list(prefix, None).try_next().await?.is_some())
    }
}

fn is_live(marker: &ObjectMeta) -> bool {
    MarkerState::of_size(marker.size) != MarkerState::Tombstone
}
