//! What can happen: requests, deaths, and what becomes of them.

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Happens,
    /// It never happens, and counts as failed.
    Lost,
    /// It happens, and counts as failed.
    Unheard,
    /// It counts as failed, and may happen any time from now.
    Late,
    /// It happens, and may happen once more any time from now.
    Copied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The request of this process; of several that it asked at once, the one of this number among
    /// those that have no answer.
    Answer(usize, u8, Fate),
    /// A request that nobody waits for happens.
    Land(usize),
    /// This process dies in the middle of its work; its request is lost, or late.
    Die(usize, Fate),
}
