//! Tickets of uploads straight to the bucket, as the browser keeps them.
//!
//! A ticket says what was announced, and may be adopted for the user that it was issued for alone. It goes through
//! the browser, so that any node can finish what another one began; a MAC over it and the user keeps both as they
//! were.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use media_store_object::UploadTicket;
use media_types::{UserId, base64};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Keeps the MACs of tickets apart from those of links, which have the same secret.
const PURPOSE: &[u8] = b"chat-service: ticket of an upload";

/// Seals tickets, and opens those that it sealed.
#[derive(Clone)]
pub(crate) struct TicketSeal(Hmac<Sha256>);

#[derive(Serialize, Deserialize)]
struct TicketContent {
    ticket: UploadTicket,
    expires_at: DateTime<Utc>,
}

impl TicketSeal {
    /// Creates a seal. Nodes with the same secret open one another's tickets.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(PURPOSE);
        Some(Self(mac))
    }

    /// Returns the text of a ticket: its content and a MAC, both in base64.
    pub(crate) fn seal(
        &self,
        user: &UserId,
        ticket: &UploadTicket,
        expires_at: DateTime<Utc>,
    ) -> Option<String> {
        let ticket = ticket.clone();
        let content = serde_json::to_vec(&TicketContent { ticket, expires_at }).ok()?;
        let mac = self.mac(user, &content).finalize().into_bytes();
        Some(format!(
            "{}.{}",
            base64::encode(&content),
            base64::encode(&mac)
        ))
    }

    /// Returns the ticket of a text that was sealed for a user and has not expired.
    pub(crate) fn open(
        &self,
        user: &UserId,
        text: &str,
        now: DateTime<Utc>,
    ) -> Option<UploadTicket> {
        let (content, mac) = text.split_once('.')?;
        let content = base64::decode(content.as_bytes()).ok()?;
        let mac = base64::decode(mac.as_bytes()).ok()?;
        self.mac(user, &content).verify_slice(&mac).ok()?;
        let sealed: TicketContent = serde_json::from_slice(&content).ok()?;
        (now < sealed.expires_at).then_some(sealed.ticket)
    }

    /// The length of the user stands before it, so that no part of it can be taken for content.
    fn mac(&self, user: &UserId, content: &[u8]) -> Hmac<Sha256> {
        let user = user.as_str().as_bytes();
        let mut mac = self.0.clone();
        mac.update(&(user.len() as u64).to_be_bytes());
        mac.update(user);
        mac.update(content);
        mac
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn seal() -> TicketSeal {
        TicketSeal::new("a secret of the tests with thirty-two bytes").unwrap()
    }

    fn ticket() -> UploadTicket {
        let text =
            r#"{"name":"00112233445566778899aabbccddeeff","mime_type":"image/png","size":9}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_ticket_is_opened_for_its_user_until_it_expires() {
        let (ann, now) = ("ann".parse().unwrap(), Utc::now());
        let expires_at = now + TimeDelta::minutes(15);
        let text = seal().seal(&ann, &ticket(), expires_at).unwrap();
        assert_eq!(seal().open(&ann, &text, now), Some(ticket()));
        let last = expires_at - TimeDelta::milliseconds(1);
        assert_eq!(seal().open(&ann, &text, last), Some(ticket()));
        assert_eq!(seal().open(&ann, &text, expires_at), None);
        for other in ["ben", "an", "annn"] {
            assert_eq!(seal().open(&other.parse().unwrap(), &text, now), None);
        }
        let other = TicketSeal::new("another secret of thirty-two bytes").unwrap();
        assert_eq!(other.open(&ann, &text, now), None);
    }

    /// Returns the bytes of both parts. Several texts of base64 can stand for the same bytes.
    fn bytes_of(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let (content, mac) = text.split_once('.')?;
        let decode = |part: &str| base64::decode(part.as_bytes()).ok();
        Some((decode(content)?, decode(mac)?))
    }

    #[test]
    fn a_ticket_that_was_changed_anywhere_is_refused() {
        let (ann, now) = ("ann".parse().unwrap(), Utc::now());
        let text = seal().seal(&ann, &ticket(), now + TimeDelta::minutes(15));
        let text = text.unwrap();
        let mut refused = 0;
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            for other in [changed.as_str(), &text[..at]] {
                if bytes_of(other) != bytes_of(&text) {
                    assert_eq!(seal().open(&ann, other, now), None, "{at}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 2 * text.len() - 10, "{refused} of {}", text.len());
        assert_eq!(seal().open(&ann, "", now), None);
    }
}
