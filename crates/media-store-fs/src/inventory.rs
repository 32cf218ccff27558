//! Listing, summing up and deleting scopes.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use media_storage::{
    Entry, Inventory, Operation, Scope, Sidecar, StorageError, StorageErrorKind, SweepOptions,
    SweepReport, Usage,
};
use tokio::sync::mpsc;

use crate::config::Deduplication;
use crate::delete::{After, remove};
use crate::directories::MediaDir;
use crate::error::{BACKEND, fail, io_error};
use crate::retrieve::{Key, SidecarState, read_sidecar};
use crate::shared::Shared;
use crate::store::FileStore;
use crate::sweep;
use crate::sys;
use crate::walk::{Next, Visitor, walk};

/// How many entries wait for a reader of a list.
const AHEAD: usize = 64;

#[async_trait]
impl Inventory for FileStore {
    /// Holds one thread of the runtime's blocking pool until the stream ends or is dropped.
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        Box::pin(List {
            start: Some((Arc::clone(self.shared()), scope, sender)),
            receiver,
        })
    }

    /// For [`Scope::All`] directory entries are enough; other scopes read every sidecar that may
    /// belong. Memory: 8 bytes for every stored body that several names share.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        let sum = move |shared: &Arc<Shared>| usage(shared, &scope);
        self.shared().run(Operation::Usage, sum).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let delete = move |shared: &Arc<Shared>| delete_scope(shared, scope);
        self.shared().run(Operation::DeleteScope, delete).await
    }

    /// Orders nothing: any number of sweeps may run, in any process, at any time.
    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let sweep = move |shared: &Arc<Shared>| sweep::sweep(shared, &options);
        self.shared().run(Operation::Sweep, sweep).await
    }
}

type Sender = mpsc::Sender<Result<Entry, StorageError>>;

/// A list that starts walking when it is first polled.
struct List {
    start: Option<(Arc<Shared>, Scope, Sender)>,
    receiver: mpsc::Receiver<Result<Entry, StorageError>>,
}

impl Stream for List {
    type Item = Result<Entry, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some((shared, scope, sender)) = self.start.take() {
            drop(tokio::task::spawn_blocking(move || {
                list(&shared, &scope, &sender);
            }));
        }
        self.receiver.poll_recv(cx)
    }
}

fn list(shared: &Shared, scope: &Scope, sender: &Sender) {
    struct Lister<'a> {
        shared: &'a Shared,
        scope: &'a Scope,
        sender: &'a Sender,
    }
    impl Lister<'_> {
        fn send(&self, item: Result<Entry, StorageError>) -> Next {
            match self.sender.blocking_send(item) {
                Ok(()) => Next::Go,
                Err(_) => Next::Stop,
            }
        }
    }
    impl Visitor for Lister<'_> {
        fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
            match described(directory, key) {
                Ok(Some(sidecar)) if !sidecar.is_in(self.scope) => Next::Go,
                Ok(Some(sidecar)) => {
                    let name = self.shared.config.name.as_deref();
                    self.send(sidecar.entry(BACKEND, name))
                }
                Ok(None) => Next::Go,
                Err(error) => self.send(Err(error.with_operation(Operation::List))),
            }
        }
        fn other(&mut self, path: &str, error: Option<io::Error>) -> Next {
            match error {
                Some(error) => self.send(Err(io_error(Operation::List, error).with_key(path))),
                None => Next::Go,
            }
        }
    }
    let mut lister = Lister {
        shared,
        scope,
        sender,
    };
    let walked = walk(shared, scope, &mut lister);
    if let Err(error) = walked {
        let _ = lister.send(Err(shared.io(Operation::List, "", error)));
    } else if sys::is_removed(shared.base()) {
        let _ = lister.send(Err(shared.absent(Operation::List, "")));
    }
}

/// The sidecar of media that a walk found, under the id of the place where it lies; `None` when
/// the media is gone meanwhile.
pub(crate) fn described(
    directory: &MediaDir,
    key: &Key,
) -> Result<Option<Box<Sidecar>>, StorageError> {
    let corrupted = || {
        fail(StorageErrorKind::Corrupted, Operation::List)
            .with_key(key.path())
            .with_reason("the sidecar is missing")
    };
    let gone = || sys::is_absent(&sys::stat(directory.dir(), key.file.as_str()));
    match read_sidecar(directory.dir(), &key.file.sidecar(), &key.file) {
        Ok(SidecarState::Good(mut sidecar)) => {
            sidecar.id = key.path();
            Ok(Some(sidecar))
        }
        Ok(SidecarState::Absent) if gone() => Ok(None),
        Ok(SidecarState::Absent) => Err(corrupted()),
        Ok(SidecarState::Damaged(error)) => Err(error.with_backend(BACKEND).with_key(key.path())),
        Err(error) => Err(io_error(Operation::List, error).with_key(key.path())),
    }
}

fn usage(shared: &Shared, scope: &Scope) -> Result<Usage, StorageError> {
    struct Sum<'a> {
        scope: &'a Scope,
        deduplication: Deduplication,
        usage: Usage,
        shared_inodes: HashSet<u64>,
        failure: Option<StorageError>,
    }
    impl Sum<'_> {
        fn stop(&mut self, failure: StorageError) -> Next {
            self.failure = Some(failure.with_operation(Operation::Usage));
            Next::Stop
        }
    }
    impl Visitor for Sum<'_> {
        fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
            if *self.scope != Scope::All {
                match described(directory, key) {
                    Ok(Some(sidecar)) if sidecar.is_in(self.scope) => {}
                    // Whose it is cannot be told; it counts for the whole store only.
                    Err(error) if error.kind() == StorageErrorKind::Corrupted => return Next::Go,
                    Err(error) => return self.stop(error),
                    Ok(_) => return Next::Go,
                }
            }
            let stat = match sys::stat(directory.dir(), key.file.as_str()) {
                // Something else under the name of media is no reference.
                Ok(stat) if !stat.is_file => return Next::Go,
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Next::Go,
                Err(error) => {
                    return self.stop(io_error(Operation::Usage, error).with_key(key.path()));
                }
            };
            self.usage.references += 1;
            self.usage.logical_bytes += stat.len;
            let alone = stat.identity.links == 1;
            if alone || self.shared_inodes.insert(stat.identity.inode) {
                self.usage.blobs += 1;
                self.usage.stored_bytes += stat.len;
            }
            if alone && self.deduplication == Deduplication::On {
                self.usage.copies += 1;
            }
            Next::Go
        }
        fn other(&mut self, path: &str, error: Option<io::Error>) -> Next {
            match error {
                Some(error) => self.stop(io_error(Operation::Usage, error).with_key(path)),
                None => Next::Go,
            }
        }
    }
    let mut sum = Sum {
        scope,
        deduplication: shared.config.deduplication,
        usage: Usage::default(),
        shared_inodes: HashSet::new(),
        failure: None,
    };
    walk(shared, scope, &mut sum).map_err(|error| shared.io(Operation::Usage, "", error))?;
    if let Some(failure) = sum.failure {
        return Err(failure);
    }
    if sys::is_removed(shared.base()) {
        return Err(shared.absent(Operation::Usage, ""));
    }
    Ok(sum.usage)
}

fn delete_scope(shared: &Shared, scope: Scope) -> Result<SweepReport, StorageError> {
    struct Deleter<'a> {
        shared: &'a Shared,
        scope: Scope,
        report: SweepReport,
        dirty: bool,
        failure: Option<io::Error>,
    }
    impl Visitor for Deleter<'_> {
        fn media(&mut self, directory: &MediaDir, key: &Key) -> Next {
            let sidecar = match described(directory, key) {
                Ok(Some(sidecar)) if sidecar.is_in(&self.scope) => Some(sidecar),
                // Everything goes, also what does not read.
                Err(_) if self.scope == Scope::All => None,
                Err(_) => {
                    self.report.failed += 1;
                    return Next::Go;
                }
                _ => return Next::Go,
            };
            let hash = sidecar.as_ref().map(|sidecar| sidecar.sha256);
            match remove(self.shared, key, sidecar.as_deref(), hash, After::Later) {
                Ok(removed) => {
                    self.report.deleted += u64::from(removed.media);
                    self.report.freed_bytes += removed.freed;
                    self.dirty = true;
                }
                // Somebody else removed it, and the directory with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => self.report.failed += 1,
            }
            Next::Go
        }
        fn other(&mut self, _: &str, error: Option<io::Error>) -> Next {
            self.report.failed += u64::from(error.is_some());
            Next::Go
        }
        fn leave(&mut self, directory: &MediaDir, path: &str) -> Next {
            if std::mem::take(&mut self.dirty) {
                if self.shared.is_synced()
                    && let Err(error) = directory.sync()
                {
                    self.failure = Some(error);
                    return Next::Stop;
                }
                self.shared.directories.remove_empty(path);
            }
            Next::Go
        }
    }
    let mut deleter = Deleter {
        shared,
        scope: scope.clone(),
        report: SweepReport::default(),
        dirty: false,
        failure: None,
    };
    let walked = walk(shared, &scope, &mut deleter);
    match deleter.failure.map_or(walked, Err) {
        Ok(()) if sys::is_removed(shared.base()) => Err(shared.absent(Operation::DeleteScope, "")),
        Ok(()) => Ok(deleter.report),
        Err(error) => Err(shared.io(Operation::DeleteScope, "", error)),
    }
}
