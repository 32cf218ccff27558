//! The command as an operator uses it: arguments in, output and exit code out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod buckets;
mod conversations;
mod copying;
mod directory;
mod histories;
#[cfg(unix)]
mod interrupted;
mod media;
mod orphans;
mod output;
mod removing;
mod views;
