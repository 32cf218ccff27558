//! What there is room for of things that pile up.

use std::collections::VecDeque;

/// The first of things, oldest first, that there is room for. Each time that they get too many, the oldest
/// go, down to three quarters of the room: what was decided for the things before stays, and the beginning
/// of the requests stays the same for many turns. The newest never goes.
pub(super) fn first_within(sizes: impl IntoIterator<Item = u64>, room: u64) -> usize {
    let (mut first, mut sum) = (0, 0_u64);
    let mut kept = VecDeque::new();
    for size in sizes {
        kept.push_back(size);
        sum = sum.saturating_add(size);
        if sum <= room {
            continue;
        }
        while sum > room / 4 * 3
            && kept.len() > 1
            && let Some(oldest) = kept.pop_front()
        {
            sum = sum.saturating_sub(oldest);
            first += 1;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: u64 = 4 * 1024 * 1024;

    fn firsts(size: u64) -> Vec<usize> {
        let of = |count| first_within(std::iter::repeat_n(size, count), ROOM);
        let mut firsts: Vec<usize> = (1..=64).map(of).collect();
        let mut pairs = firsts.iter().enumerate();
        assert!(pairs.all(|(last, first)| *first <= last));
        firsts.dedup();
        firsts
    }

    #[test]
    fn the_oldest_leave_in_steps_and_the_newest_never_does() {
        assert_eq!(
            firsts(ROOM / 16),
            [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
        );
        assert_eq!(firsts(ROOM / 64), [0]);
        assert_eq!(first_within([0; 100], ROOM), 0);
    }

    #[test]
    fn one_that_is_larger_than_the_room_goes_alone_until_the_next_comes() {
        assert_eq!(first_within([1, ROOM * 2], ROOM), 1);
        assert_eq!(first_within([1, u64::MAX, 1], ROOM), 2);
    }
}
