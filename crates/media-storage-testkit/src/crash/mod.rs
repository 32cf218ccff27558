//! The crash kit: kills a store at every system call and cuts its power, then checks its promises.
//!
//! A backend author writes two small programs. The child opens the store and runs what it is told
//! to; it is all that is ever killed:
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
//!         Ok(InMemoryStorage::new()) // a store that keeps things would open them here
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     crash::child(&Subject)
//! }
//! ```
//!
//! The other drives it:
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
//! After each crash a fresh process opens the store and finds: every reference that was
//! acknowledged whole, with its type and scope; every acknowledged delete still deleted; nothing
//! under a name that is not whole; usage equal to what lies there; after one full sweep no
//! leftovers; and a store that works. A call that was under way may have happened or not.
//!
//! # How a crash is made
//! The child prepares, then `strace` attaches to it, and only then it does what is to be crashed:
//! so calls are counted from a known moment. What the child acknowledges it tells through a pipe,
//! by calls (`writev`, `readv`) that are not counted. `strace` counts by thread and by name, so a
//! point is "the n-th `linkat` of a thread", and the log of the killed run must show that the
//! child died there; a run that did not reach its point is reported as missed and never counted.
//!
//! Power is cut on a file system in an image ([`FileSystem`]): the image is copied while it is
//! mounted, which keeps what was sent to the device and loses what was not, and the copy is checked.
//!
//! Linux only, with `strace` installed and leave to trace; images need root.
//!
//! # Map
//! - `script`: what is done; `child`: the process that does it; `check`: what must hold after
//! - `trace`: `strace`, its log and the points; `kit`: runs and figures; `power`: images

mod check;
mod child;
mod kit;
mod power;
mod script;
mod trace;

pub use child::{CrashSubject, child};
pub use kit::{CrashKit, Failure, Figures, Tamper};
pub use power::FileSystem;
pub use script::{Scenario, Step, StoreStep};
pub use trace::{Call, Point, Trace};
