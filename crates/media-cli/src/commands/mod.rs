//! One module for each command: its arguments, and what it does.

pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod dedup_index;
pub(crate) mod du;
pub(crate) mod export;
pub(crate) mod forget;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod metrics;
pub(crate) mod orphans;
pub(crate) mod put;
pub(crate) mod report;
pub(crate) mod rm;
pub(crate) mod stat;
pub(crate) mod sweep;
pub(crate) mod url;
pub(crate) mod verify;
