//! Tasks that outlive the futures which began them, so that nothing is seen half done.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;

/// Counts the tasks of a manager, so that a shutdown can wait for them.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    running: Arc<watch::Sender<usize>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Runs a task to its end, whatever becomes of the caller.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let counted = Counted::new(self);
        let task = async move {
            let output = task.await;
            drop(counted);
            output
        };
        tokio::spawn(task.with_current_subscriber())
    }

    /// As `spawn`, for callers that are perhaps outside the runtime by now; there it does nothing.
    pub(crate) fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        if Handle::try_current().is_ok() {
            drop(self.spawn(task));
        }
    }

    /// Waits until no task is running.
    pub(crate) async fn wait(&self) {
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = self
            .running
            .subscribe()
            .wait_for(|running| *running == 0)
            .await;
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
