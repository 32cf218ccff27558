//! The file store's own tests.

mod layout;
mod repair;
mod support;
mod sweeping;
