//! How much of what is done, and in which order.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PostgreSQL and a bucket.
    Postgres,
    /// Redis and a directory.
    Redis,
}

/// Amounts.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Conversations that go on at once.
    pub(crate) conversations: usize,
    /// Turns that are begun at least.
    pub(crate) turns: usize,
    pub(crate) kills: usize,
    /// Stops of the database between two answers.
    pub(crate) stops: usize,
    /// Stops of the database between a commit and its answer.
    pub(crate) lost_commits: usize,
    /// Times in which the bucket cannot be reached.
    pub(crate) outages: usize,
    /// Media items that are kept inline while it cannot be reached, at least.
    pub(crate) inline: usize,
    pub(crate) deletions: usize,
    pub(crate) erasures: usize,
    pub(crate) retries: usize,
    pub(crate) cancels: usize,
    pub(crate) reloads: usize,
    /// Seconds of the lease of a turn.
    pub(crate) lease: u64,
}

impl Plan {
    pub(crate) fn long() -> Self {
        Self {
            conversations: 200,
            turns: 5000,
            kills: 100,
            stops: 20,
            lost_commits: 10,
            outages: 10,
            inline: 1,
            deletions: 100,
            erasures: 20,
            retries: 50,
            cancels: 50,
            reloads: 50,
            lease: 10,
        }
    }

    pub(crate) fn short() -> Self {
        Self {
            conversations: 16,
            turns: 90,
            kills: 2,
            stops: 1,
            lost_commits: 1,
            outages: 1,
            // There may be no answer with an image in the one outage.
            inline: 0,
            deletions: 3,
            erasures: 1,
            retries: 4,
            cancels: 3,
            reloads: 4,
            lease: 5,
        }
    }
}

/// One thing that a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A message of text.
    Ask,
    /// A message with an uploaded image.
    Show,
    /// A message that is answered with a generated image.
    Paint,
    /// The history is read, and one of its images.
    Read,
    /// The connection is lost, and the same message is sent to another node under the same key.
    Retry,
    /// The connection is lost, and the page goes on with the events on another node.
    Reload,
    /// Another node is asked to stop the turn.
    Cancel,
    /// Another node is asked to delete the conversation while its turn runs.
    Delete,
    /// Another node is asked to erase the user while turns of theirs run.
    Erase,
}

/// Everything that users do, in an order that the seed decides.
pub(crate) fn deck(plan: &Plan, chance: &Chance) -> Vec<Step> {
    let mut deck = Vec::with_capacity(plan.turns * 5 / 4);
    for (step, count) in [
        (Step::Retry, plan.retries),
        (Step::Reload, plan.reloads),
        (Step::Cancel, plan.cancels),
        (Step::Delete, plan.deletions),
        (Step::Erase, plan.erasures),
    ] {
        deck.extend(std::iter::repeat_n(step, count));
    }
    for number in deck.len()..plan.turns {
        deck.push(match number % 8 {
            0 | 4 => Step::Show,
            2 => Step::Paint,
            _ => Step::Ask,
        });
    }
    deck.extend(std::iter::repeat_n(Step::Read, plan.turns / 8));
    for last in (1..deck.len()).rev() {
        deck.swap(last, chance.below(last + 1));
    }
    deck
}

/// Pseudorandom numbers by their seed; what they decide depends on the order of events as well.
#[derive(Debug)]
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns the next 64 bits, by `SplitMix64`, whose state is a counter.
    pub(crate) fn bits(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a limit.
    pub(crate) fn below(&self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.bits() % limit).unwrap_or_default()
    }
}
