//! The crash kit: kills a store at every system call and cuts its power, then checks its promises.
//!
//! The author of a backend writes two small programs. The child opens the store and executes orders.
//! Only the child is killed:
//!
//! ```no_run
//! use std::path::Path;
//! use media_storage::{InMemoryStorage, StorageError};
//! use media_storage_testkit::crash::{self, CrashSubject};
//!
//! struct Subject;
//!
//! impl CrashSubject for Subject {
//!     type Store = InMemoryStorage;
//!     async fn open(&self, _directory: &Path) -> Result<InMemoryStorage, StorageError> {
//!         Ok(InMemoryStorage::new()) // a persistent store would open its directory here
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     crash::child(&Subject)
//! }
//! ```
//!
//! The other program drives it:
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use media_storage_testkit::crash::{CrashKit, Scenario};
//!
//! let kit = CrashKit::new(["target/release/examples/crash_child"], "/var/tmp/crash");
//! let scenarios = Scenario::all();
//! let kills = kit.kills(&scenarios, usize::MAX)?;
//! assert!(kills.is_clean(), "{kills}");
//! # Ok(())
//! # }
//! ```
//!
//! # What is checked
//! After each crash, a new process opens the store and checks that every acknowledged reference is
//! complete, with its type and scope; that every acknowledged delete is still deleted; that nothing
//! under a final name is incomplete; that the usage is what is on disk; that a full sweep leaves
//! nothing behind; and that the store works. An operation that was running may have happened or not.
//!
//! # How a crash is produced
//! The child prepares, then `strace` attaches to it, and only then it executes the steps to be crashed,
//! so that calls are counted from a known moment. The child reports what it acknowledges through a
//! pipe, by calls (`writev`, `readv`) that are not counted. `strace` counts by thread and by name, so
//! a point is "the n-th `linkat` of a thread". The log of the killed run must show that the child died
//! there; a run that did not reach its point counts as missed.
//!
//! Power is cut on a file system in an image ([`FileSystem`]): the image is copied while it is
//! mounted, which keeps what was sent to the device and loses the rest, and the copy is checked.
//!
//! Requires Linux, `strace`, and permission to trace; images require root.
//!

mod check;
mod child;
mod kit;
mod power;
mod report;
mod script;
mod subject;
mod trace;

pub use child::child;
pub use kit::CrashKit;
pub use power::FileSystem;
pub use report::{CrashReport, Failure, SkippedSyscall};
pub use script::{Scenario, Step, StoreStep};
pub use subject::CrashSubject;
pub use trace::{Call, Point, Trace};
