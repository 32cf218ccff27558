//! `ObjectMediaStore`: media of LLM conversations in S3, GCS, Azure or any other object store.
//!
//! # Map
//! - [`protocol`]: how equal bytes are shared by many nodes without a database, as state machines
//!   that do no I/O

pub mod protocol;
