//! The process that is killed, and the process that checks afterwards.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use media_storage::{MediaStorage as _, MediaStorageExt as _, Scope, StorageError, SweepOptions};
use media_types::StorageReference;

use super::check;
use super::script::{Event, Order, Scenario, Step, conversation, depth};
use super::subject::{CrashSubject, upload};

/// The `main` function of a child: executes the order in its last argument, in the directory in the
/// argument before.
///
/// Runs on one thread, with another one for blocking work, so that system calls can be counted.
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

/// Standard input and output, through system calls that stores do not use.
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

    fn send(&mut self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("events are JSON");
        line.push(b'\n');
        let written = self.output.write_vectored(&[IoSlice::new(&line)]);
        // A line is shorter than what a pipe accepts at once.
        assert_eq!(written.expect("the kit listens"), line.len());
    }

    /// Waits for a byte, or for the end of the kit.
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
        // The thread must exist before its calls are counted.
        let warmed = tokio::task::spawn_blocking(|| ()).await;
        warmed.expect("the runtime has a thread");
        for step in &scenario.setup {
            self.step(step).await;
        }
        self.pipe.send(&Event::Ready);
        self.pipe.wait();
        for step in &scenario.traced {
            self.step(step).await;
        }
        self.pipe.send(&Event::End);
        self.pipe.wait();
    }

    async fn step(&mut self, step: &Step) {
        let number = self.number;
        self.number += 1;
        self.pipe.send(&Event::Begun(number));
        let event = match self.perform(step).await {
            Ok(None) => Event::Done(number),
            Ok(Some(reference)) => {
                self.references.push(reference.clone());
                Event::Stored(number, Box::new(reference))
            }
            Err(error) => Event::Failed(number, format!("{error:?}")),
        };
        self.pipe.send(&event);
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
