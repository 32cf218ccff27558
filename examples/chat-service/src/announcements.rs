//! How often users may announce uploads.

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
