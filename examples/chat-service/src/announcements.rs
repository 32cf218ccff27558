//! How often users may announce uploads, and how much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media_types::UserId;

/// Announcements of a user in one period. More than anybody attaches by hand.
const MAX_IN_PERIOD: u32 = 100;
const PERIOD: Duration = Duration::from_secs(900);

/// Users that are counted at the same time. Others have to wait, or upload through the service.
const MAX_USERS: usize = 50_000;

/// Counts the announcements of users on this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnouncementLimit(Arc<Mutex<HashMap<UserId, Count>>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    announced: u32,
    /// Bytes that the user had when it was asked in this period, and that were announced since.
    used: Option<u64>,
}

impl AnnouncementLimit {
    /// Counts an announcement.
    ///
    /// # Errors
    /// The time to wait, for a user who has had all announcements of this period.
    pub(crate) fn count(&self, user: &UserId, now: Instant) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_USERS && !counts.contains_key(user) {
            counts.retain(|_, count| now.duration_since(count.since) < PERIOD);
            if counts.len() >= MAX_USERS {
                return Err(PERIOD);
            }
        }
        let fresh = || Count {
            since: now,
            announced: 0,
            used: None,
        };
        let count = counts.entry(user.clone()).or_insert_with(fresh);
        let age = now.duration_since(count.since);
        if age >= PERIOD {
            *count = fresh();
        } else if count.announced >= MAX_IN_PERIOD {
            return Err(PERIOD - age);
        }
        count.announced += 1;
        Ok(())
    }

    /// Whether it is not known in this period how many bytes a user has.
    pub(crate) fn needs_usage(&self, user: &UserId) -> bool {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(user).is_none_or(|count| count.used.is_none())
    }

    /// Notes how many bytes a user has.
    pub(crate) fn set_usage(&self, user: &UserId, bytes: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(user) {
            count.used = Some(bytes);
        }
    }

    /// Counts the bytes of an announcement, and returns whether the user has room for them.
    pub(crate) fn reserve(&self, user: &UserId, bytes: u64, quota: u64) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Count {
            used: Some(used), ..
        }) = counts.get_mut(user)
        else {
            return false;
        };
        let all = used.saturating_add(bytes);
        let has_room = all <= quota;
        if has_room {
            *used = all;
        }
        has_room
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn user(number: usize) -> UserId {
        format!("user-{number}").parse().unwrap()
    }

    #[test]
    fn a_user_who_announced_enough_waits_for_the_next_period_and_others_do_not() {
        let (limit, began) = (AnnouncementLimit::default(), Instant::now());
        for _ in 0..MAX_IN_PERIOD {
            limit.count(&user(1), began).unwrap();
        }
        let later = began + Duration::from_secs(60);
        let wait = limit.count(&user(1), later).unwrap_err();
        assert_eq!(wait, PERIOD - Duration::from_secs(60));
        limit.count(&user(2), later).unwrap();
        limit.count(&user(1), began + PERIOD).unwrap();
    }

    #[test]
    fn what_is_announced_counts_beside_what_the_user_has() {
        let (limit, began) = (AnnouncementLimit::default(), Instant::now());
        limit.count(&user(1), began).unwrap();
        assert!(limit.needs_usage(&user(1)) && !limit.reserve(&user(1), 1, 100));
        limit.set_usage(&user(1), 50);
        assert!(!limit.needs_usage(&user(1)));
        assert!(!limit.reserve(&user(1), 51, 100));
        assert!(limit.reserve(&user(1), 30, 100));
        assert!(!limit.reserve(&user(1), 30, 100) && limit.reserve(&user(1), 20, 100));
        assert!(!limit.reserve(&user(1), u64::MAX, 100));
        // It is asked anew in the next period.
        limit.count(&user(1), began + PERIOD).unwrap();
        assert!(limit.needs_usage(&user(1)));
    }

    #[test]
    fn the_users_that_are_counted_are_bounded() {
        let (limit, began) = (AnnouncementLimit::default(), Instant::now());
        for number in 0..MAX_USERS {
            limit.count(&user(number), began).unwrap();
        }
        limit.count(&user(MAX_USERS), began).unwrap_err();
        limit.count(&user(0), began).unwrap();
        limit.count(&user(MAX_USERS), began + PERIOD).unwrap();
        assert_eq!(limit.0.lock().unwrap().len(), 1);
    }
}
