//! Tasks that outlive the futures that started them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;

/// Runs and counts tasks, so that a shutdown can wait for them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    runtime: Handle,
    running: Arc<watch::Sender<usize>>,
    closing: Arc<watch::Sender<bool>>,
}

impl Tasks {
    /// Creates a group of tasks on a runtime.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: Arc::new(watch::Sender::new(0)),
            closing: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a task to its end, whatever becomes of the caller.
    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let counted = Counted::new(self);
        // Not a block that awaits: it would hold the task twice, and that of a turn is large.
        let task = task.map(move |output| {
            drop(counted);
            output
        });
        self.runtime.spawn(task.with_current_subscriber())
    }

    /// Runs a task that nobody waits for, and that ends early when the background is ended
    /// or the group is gone.
    pub fn spawn_background(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut closing = self.closing.subscribe();
        let task = async move {
            tokio::select! {
                // An error means that the group is gone.
                _ = closing.wait_for(|closing| *closing) => {}
                () = task => {}
            }
        };
        drop(self.runtime.spawn(task.with_current_subscriber()));
    }

    /// Ends the tasks of [`spawn_background`](Self::spawn_background).
    pub fn end_background(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until no task is running, for at most a time; returns whether none is.
    pub async fn wait(&self, deadline: Duration) -> bool {
        let mut running = self.running.subscribe();
        // The sender lives in `self`, so the channel cannot be closed.
        let idle = running.wait_for(|running| *running == 0);
        tokio::time::timeout(deadline, idle).await.is_ok()
    }
}

/// One task that counts, until it is done or dropped.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(tasks: &Tasks) -> Self {
        tasks.running.send_modify(|running| *running += 1);
        Self(Arc::clone(&tasks.running))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl conversation_externalizer::SpawnRollback for Tasks {
    fn spawn_rollback(&self, task: futures_core::future::BoxFuture<'static, ()>) {
        drop(self.spawn(task));
    }
}
