//! The process that is killed, and the one that looks afterwards.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::stream;
use media_storage::{
    MediaBody, MediaStorage, MediaStorageExt as _, MediaUpload, Scope, StorageError, SweepOptions,
    Usage,
};

use media_types::StorageReference;

use super::check;
use super::script::{Event, Form, Order, Scenario, Step, StoreStep, conversation, depth};

/// A store that can be crashed: how it is opened, and what lies on the disk, told without it.
///
/// Only [`open`](Self::open) must be given. What `usage`, `leftovers` and `damage` find must be
/// found by other means than the store's own.
pub trait CrashSubject: Send + Sync {
    /// The store under test.
    type Store: MediaStorage;

    /// Opens the store in a directory, which is there and, the first time, empty.
    ///
    /// # Errors
    /// Whatever opening reports; after a crash it must not.
    fn open(
        &self,
        directory: &Path,
    ) -> impl Future<Output = Result<Self::Store, StorageError>> + Send;

    /// Closes the store. Default: drops it.
    ///
    /// # Errors
    /// Whatever closing reports.
    fn close(&self, store: Self::Store) -> impl Future<Output = Result<(), StorageError>> + Send {
        async move {
            drop(store);
            Ok(())
        }
    }

    /// Exports what the store exports. Default: nothing.
    ///
    /// # Errors
    /// Whatever exporting reports.
    fn export(
        &self,
        _store: &Self::Store,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        async { Ok(()) }
    }

    /// Plants what crashes leave behind, for sweeps to find. Default: nothing.
    ///
    /// # Errors
    /// When that fails.
    fn litter(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Removes media as a delete does that is killed before it made that durable. Default: nothing.
    ///
    /// # Errors
    /// When that fails.
    fn begin_delete(&self, _directory: &Path, _reference: &StorageReference) -> io::Result<()> {
        Ok(())
    }

    /// What lies there. Default: not told, and usage is not checked.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn usage(&self, _directory: &Path) -> io::Result<Option<Usage>> {
        Ok(None)
    }

    /// What must not be there after a full sweep. Default: nothing is known of it.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn leftovers(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What must not be there at any moment: parts under the name of a whole. Default: nothing is
    /// known of it.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn damage(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// The whole of a child's `main`: does what the last two arguments say, a directory and an order.
///
/// Runs on one thread with one more for blocking work, so that calls can be counted.
pub fn child<S: CrashSubject>(subject: &S) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::from_secs(3600))
        .enable_all()
        .build()
        .expect("the runtime starts");
    let mut arguments = std::env::args().rev();
    let order = arguments.next().expect("an order as the last argument");
    let directory = arguments.next().expect("a directory before the order");
    let order = serde_json::from_str(&order).expect("the order reads");
    let directory = Path::new(&directory);
    match order {
        Order::Run(scenario) => {
            let mut run = Run {
                subject,
                directory,
                pipe: Pipe::new(),
                store: None,
                references: Vec::new(),
                number: 0,
            };
            runtime.block_on(run.all(&scenario));
            ExitCode::SUCCESS
        }
        Order::Check(scenario, events) => {
            let found = runtime.block_on(check::check(subject, directory, &scenario, &events));
            println!("{}", serde_json::to_string(&found).expect("text is JSON"));
            ExitCode::SUCCESS
        }
    }
}

/// Standard input and output, by calls that stores do not use.
struct Pipe {
    input: File,
    output: File,
}

impl Pipe {
    fn new() -> Self {
        let input = io::stdin().as_fd().try_clone_to_owned();
        let output = io::stdout().as_fd().try_clone_to_owned();
        Self {
            input: input.expect("standard input is open").into(),
            output: output.expect("standard output is open").into(),
        }
    }

    fn tell(&mut self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("events are JSON");
        line.push(b'\n');
        let written = self.output.write_vectored(&[IoSlice::new(&line)]);
        // A line is shorter than what a pipe takes at once.
        assert_eq!(written.expect("the kit listens"), line.len());
    }

    /// Waits for a byte, or the end of the kit.
    fn wait(&mut self) {
        let mut byte = [0];
        let read = self.input.read_vectored(&mut [IoSliceMut::new(&mut byte)]);
        if read.is_ok_and(|read| read == 0) {
            std::process::exit(0);
        }
    }
}

struct Run<'a, S: CrashSubject> {
    subject: &'a S,
    directory: &'a Path,
    pipe: Pipe,
    store: Option<S::Store>,
    references: Vec<StorageReference>,
    number: usize,
}

impl<S: CrashSubject> Run<'_, S> {
    async fn all(&mut self, scenario: &Scenario) {
        // The thread must be there before anybody counts its calls.
        let warmed = tokio::task::spawn_blocking(|| ()).await;
        warmed.expect("the runtime has a thread");
        for step in &scenario.setup {
            self.step(step).await;
        }
        self.pipe.tell(&Event::Ready);
        self.pipe.wait();
        for step in &scenario.traced {
            self.step(step).await;
        }
        self.pipe.tell(&Event::End);
        self.pipe.wait();
    }

    async fn step(&mut self, step: &Step) {
        let number = self.number;
        self.number += 1;
        self.pipe.tell(&Event::Begun(number));
        let event = match self.perform(step).await {
            Ok(None) => Event::Done(number),
            Ok(Some(reference)) => {
                self.references.push(reference.clone());
                Event::Stored(number, Box::new(reference))
            }
            Err(error) => Event::Failed(number, format!("{error:?}")),
        };
        self.pipe.tell(&event);
    }

    async fn perform(&mut self, step: &Step) -> Result<Option<StorageReference>, StorageError> {
        match step {
            Step::Open => {
                drop(self.store.take());
                self.store = Some(self.subject.open(self.directory).await?);
            }
            Step::Close => {
                if let Some(store) = self.store.take() {
                    self.subject.close(store).await?;
                }
            }
            Step::Store(step) => {
                let reference = self.open_store().store(upload(step)).await?;
                return Ok(Some(reference));
            }
            Step::Delete(which) => {
                let reference = self.references.get(*which).expect("the step comes later");
                self.open_store().delete(reference).await?;
            }
            Step::BeginDelete(which) => {
                let reference = self.references.get(*which).expect("the step comes later");
                self.subject
                    .begin_delete(self.directory, reference)
                    .expect("media is removed");
            }
            Step::DeleteConversation(number) => {
                let id = conversation(*number).parse().expect("an id");
                let scope = Scope::Conversation(id);
                self.inventory().delete_scope(scope).await?;
            }
            Step::SweepDue | Step::SweepFull => {
                let options = SweepOptions::new()
                    .with_depth(depth(step))
                    .with_grace(Duration::ZERO);
                self.inventory().sweep(options).await?;
            }
            Step::Prune(bytes) => {
                let options = SweepOptions::new().with_capacity(*bytes);
                self.inventory().sweep(options).await?;
            }
            Step::Export => self.subject.export(self.open_store()).await?,
            Step::Litter => self
                .subject
                .litter(self.directory)
                .expect("litter is planted"),
        }
        Ok(None)
    }

    fn open_store(&self) -> &S::Store {
        self.store.as_ref().expect("a step before opened the store")
    }

    fn inventory(&self) -> &dyn media_storage::Inventory {
        let inventory = self.open_store().inventory();
        inventory.expect("the store has an inventory")
    }
}

pub(super) fn upload(step: &StoreStep) -> MediaUpload {
    let bytes = step.bytes();
    let body = match step.form {
        Form::Whole => MediaBody::from_bytes(bytes),
        Form::Streamed => {
            let pieces: Vec<_> = bytes
                .chunks(64 * 1024)
                .map(|piece| Ok(bytes.slice_ref(piece)))
                .collect();
            MediaBody::from_stream(None, stream::iter(pieces))
        }
    };
    MediaUpload::new(step.mime(), body, step.metadata())
}
