//! Tasks that outlive the futures that started them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;

/// Runs and counts the tasks of a manager, so that a shutdown can wait for them.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: Handle,
    running: Arc<watch::Sender<usize>>,
}

impl Tasks {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
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
        self.runtime.spawn(task.with_current_subscriber())
    }

    /// Waits until no task is running, for at most a time; returns whether none is.
    pub(crate) async fn wait(&self, deadline: Duration) -> bool {
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

impl crate::externalize::SpawnRollback for Tasks {
    fn spawn_rollback(&self, task: futures_core::future::BoxFuture<'static, ()>) {
        drop(self.spawn(task));
    }
}
