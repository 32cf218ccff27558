//! How often users may announce uploads, and how much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_store_object::UploadTicket;
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
    /// Bytes that the user had when it was asked in this period, and that were reserved since.
    used: Option<u64>,
    /// Tickets of this period that have not been adopted. Their bytes are reserved.
    held: Vec<(UploadTicket, Reservation)>,
}

/// Bytes of a user that were counted in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    period: Instant,
    bytes: u64,
}

impl Count {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            announced: 0,
            used: None,
            held: Vec::new(),
        }
    }
}

/// Returns the count of a user in the period that runs, or that begins now.
fn current<'a>(
    counts: &'a mut HashMap<UserId, Count>,
    user: &UserId,
    now: Instant,
) -> Result<&'a mut Count, Duration> {
    if counts.len() >= MAX_USERS && !counts.contains_key(user) {
        counts.retain(|_, count| now.duration_since(count.since) < PERIOD);
        if counts.len() >= MAX_USERS {
            return Err(PERIOD);
        }
    }
    let count = counts
        .entry(user.clone())
        .or_insert_with(|| Count::new(now));
    if now.duration_since(count.since) >= PERIOD {
        *count = Count::new(now);
    }
    Ok(count)
}

impl AnnouncementLimit {
    fn counts(&self) -> MutexGuard<'_, HashMap<UserId, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an announcement.
    ///
    /// # Errors
    /// The time to wait, for a user who has had all announcements of this period.
    pub(crate) fn count(&self, user: &UserId, now: Instant) -> Result<(), Duration> {
        let mut counts = self.counts();
        let count = current(&mut counts, user, now)?;
        if count.announced >= MAX_IN_PERIOD {
            return Err(PERIOD - now.duration_since(count.since));
        }
        count.announced += 1;
        Ok(())
    }

    /// Whether it is not known in this period how many bytes a user has.
    ///
    /// # Errors
    /// The time to wait, if too many users are counted.
    pub(crate) fn needs_usage(&self, user: &UserId, now: Instant) -> Result<bool, Duration> {
        Ok(current(&mut self.counts(), user, now)?.used.is_none())
    }

    /// Notes how many bytes a user has, unless it is known: requests at the same time have reserved since.
    pub(crate) fn learn_usage(&self, user: &UserId, bytes: u64) {
        if let Some(count) = self.counts().get_mut(user) {
            count.used.get_or_insert(bytes);
        }
    }

    /// Counts bytes; `None` if the user has no room for them.
    pub(crate) fn reserve(&self, user: &UserId, bytes: u64, quota: u64) -> Option<Reservation> {
        let mut counts = self.counts();
        let count = counts.get_mut(user)?;
        let used = count.used.as_mut()?;
        let all = used.saturating_add(bytes);
        if all > quota {
            return None;
        }
        *used = all;
        let period = count.since;
        Some(Reservation { period, bytes })
    }

    /// Counts bytes no longer. Those of an earlier period do not count any more.
    pub(crate) fn release(&self, user: &UserId, reserved: Reservation) {
        if let Some(count) = self.counts().get_mut(user)
            && count.since == reserved.period
            && let Some(used) = &mut count.used
        {
            *used = used.saturating_sub(reserved.bytes);
        }
    }

    /// Keeps bytes for a ticket until it is adopted, or the period is over.
    pub(crate) fn hold(&self, user: &UserId, ticket: UploadTicket, reserved: Reservation) {
        if let Some(count) = self.counts().get_mut(user)
            && count.since == reserved.period
        {
            count.held.push((ticket, reserved));
        }
    }

    /// Returns the bytes that are kept for a ticket, once; `None` for tickets of an earlier period, of another node, and
    /// those that were adopted.
    pub(crate) fn take(
        &self,
        user: &UserId,
        ticket: &UploadTicket,
        now: Instant,
    ) -> Option<Reservation> {
        let mut counts = self.counts();
        let count = current(&mut counts, user, now).ok()?;
        let place = count.held.iter().position(|(held, _)| held == ticket)?;
        Some(count.held.swap_remove(place).1)
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
        let has_room = |bytes| limit.reserve(&user(1), bytes, 100).is_some();
        assert_eq!(limit.needs_usage(&user(1), began), Ok(true));
        assert!(!has_room(1));
        limit.learn_usage(&user(1), 50);
        assert_eq!(limit.needs_usage(&user(1), began), Ok(false));
        assert!(!has_room(51));
        assert!(has_room(30));
        // Whoever asked at the same time changes nothing.
        limit.learn_usage(&user(1), 50);
        assert!(!has_room(30) && has_room(20));
        assert!(!has_room(u64::MAX));
        // It is asked anew in the next period.
        assert_eq!(limit.needs_usage(&user(1), began + PERIOD), Ok(true));
    }

    fn ticket() -> UploadTicket {
        let text =
            r#"{"name":"00112233445566778899aabbccddeeff","mime_type":"image/png","size":9}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_reserved_is_given_back_or_kept_for_one_adoption_in_its_period() {
        let (limit, began) = (AnnouncementLimit::default(), Instant::now());
        limit.count(&user(1), began).unwrap();
        limit.learn_usage(&user(1), 0);
        let reserve = || limit.reserve(&user(1), 60, 100);
        let given_back = reserve().unwrap();
        assert_eq!(reserve(), None);
        limit.release(&user(1), given_back);
        let kept = reserve().unwrap();
        limit.hold(&user(1), ticket(), kept);
        assert_eq!(limit.take(&user(2), &ticket(), began), None);
        assert_eq!(limit.take(&user(1), &ticket(), began), Some(kept));
        assert_eq!(limit.take(&user(1), &ticket(), began), None);
        limit.hold(&user(1), ticket(), kept);
        // A later period knows nothing of it.
        let later = began + PERIOD;
        assert_eq!(limit.take(&user(1), &ticket(), later), None);
        limit.learn_usage(&user(1), 40);
        limit.release(&user(1), kept);
        limit.hold(&user(1), ticket(), kept);
        assert_eq!(limit.take(&user(1), &ticket(), later), None);
        assert!(reserve().is_some() && reserve().is_none());
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
