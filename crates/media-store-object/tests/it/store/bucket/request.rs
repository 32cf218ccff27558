//! Requests, and what becomes of them.

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Get,
    Put,
    Delete,
    List,
    Begin,
    Part,
    Complete,
    Abort,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// It fails and nothing happens.
    FailBefore,
    /// The credential does not permit it.
    Refused,
    /// It happens, and the answer is lost.
    FailAfter,
    /// It fails, and happens some time later.
    Late,
    /// It happens, and a copy of it happens again some time later.
    Copied,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) key: String,
    pub(crate) body: usize,
}
