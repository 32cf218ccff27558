//! The key that makes placeholders ours.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use media_storage::Scope;
use sha2::Sha256;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};

/// Shortest secret that is accepted, in bytes.
const MIN_SECRET_LEN: usize = 16;

/// Length of a placeholder's MAC, in bytes: 96 bits.
pub(crate) const MAC_LEN: usize = 12;

/// The secret that placeholders are authenticated with, and secrets that were used earlier.
///
/// Whoever has the key can write placeholders that [`History`](crate::History) resolves inside a
/// scope; keep it where other secrets of the service are, and the same for all processes. Losing it
/// leaves every slim history unresolvable: store a copy apart from the histories.
///
/// ```
/// use media_history::HistoryKey;
/// let key = HistoryKey::new("a secret of at least sixteen bytes")?
///     .with_retired("the secret that was used last year")?;
/// assert_eq!(format!("{key:?}"), "HistoryKey(1 retired)");
/// # Ok::<(), media_history::HistoryError>(())
/// ```
#[derive(Clone)]
pub struct HistoryKey {
    current: Arc<[u8]>,
    retired: Vec<Arc<[u8]>>,
}

impl HistoryKey {
    /// Creates a key from a secret.
    ///
    /// # Errors
    /// Returns `Config` for fewer than 16 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, HistoryError> {
        Ok(Self {
            current: checked(secret.as_ref())?,
            retired: Vec::new(),
        })
    }

    /// Adds a secret that placeholders were written with earlier. They verify as long as it is listed;
    /// new ones are written with the current secret.
    ///
    /// # Errors
    /// Returns `Config` for fewer than 16 bytes.
    pub fn with_retired(mut self, secret: impl AsRef<[u8]>) -> Result<Self, HistoryError> {
        self.retired.push(checked(secret.as_ref())?);
        Ok(self)
    }

    /// Returns the MAC of text under the current secret.
    pub(crate) fn sign(&self, scope: &ScopeTag, text: &[u8]) -> [u8; MAC_LEN] {
        let full = state(&self.current, scope, text).map(|mac| mac.finalize().into_bytes());
        let mut tag = [0; MAC_LEN];
        if let Some(full) = full {
            tag.copy_from_slice(&full[..MAC_LEN]);
        }
        tag
    }

    /// Whether a MAC is that of the text under the current or a retired secret. Takes the same time
    /// whatever the MAC is.
    pub(crate) fn verify(&self, scope: &ScopeTag, text: &[u8], mac: &[u8; MAC_LEN]) -> bool {
        std::iter::once(&self.current)
            .chain(&self.retired)
            .filter_map(|secret| state(secret, scope, text))
            .any(|state| state.verify_truncated_left(mac).is_ok())
    }
}

impl fmt::Debug for HistoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HistoryKey({} retired)", self.retired.len())
    }
}

fn checked(secret: &[u8]) -> Result<Arc<[u8]>, HistoryError> {
    if secret.len() < MIN_SECRET_LEN {
        return Err(
            HistoryError::new(HistoryErrorKind::Config, HistoryOperation::Externalize)
                .with_reason("the key has fewer than 16 bytes"),
        );
    }
    Ok(secret.into())
}

/// `None` never happens: HMAC takes keys of any length.
fn state(secret: &[u8], scope: &ScopeTag, text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"media-ref:v1\0");
    mac.update(&scope.0);
    mac.update(text);
    Some(mac)
}

/// A scope as it goes into a MAC: no two scopes have the same bytes, and none is a prefix of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeTag(Box<[u8]>);

impl ScopeTag {
    /// `None` for a kind of scope that this version does not know.
    pub(crate) fn new(scope: &Scope) -> Option<Self> {
        let (kind, id): (u8, &str) = match scope {
            Scope::All => (b'a', ""),
            Scope::Run(id) => (b'r', id.as_str()),
            Scope::Session(id) => (b's', id.as_str()),
            Scope::Conversation(id) => (b'c', id.as_str()),
            Scope::User(id) => (b'u', id.as_str()),
            _ => return None,
        };
        let mut tag = vec![kind];
        tag.extend_from_slice(&(id.len() as u64).to_be_bytes());
        tag.extend_from_slice(id.as_bytes());
        Some(Self(tag.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(scope: Scope) -> ScopeTag {
        ScopeTag::new(&scope).unwrap()
    }

    #[test]
    fn a_mac_holds_for_its_key_scope_and_text() {
        let (a, b) = (
            Scope::User("a".parse().unwrap()),
            Scope::Session("a".parse().unwrap()),
        );
        let old = HistoryKey::new("0123456789abcdef").unwrap();
        let mac = old.sign(&tag(a.clone()), b"text");
        assert!(old.verify(&tag(a.clone()), b"text", &mac));
        assert!(!old.verify(&tag(b), b"text", &mac));
        assert!(!old.verify(&tag(Scope::All), b"text", &mac));
        assert!(!old.verify(&tag(a.clone()), b"texts", &mac));
        let new = HistoryKey::new("fedcba9876543210").unwrap();
        assert!(!new.verify(&tag(a.clone()), b"text", &mac));
        let new = new.with_retired("0123456789abcdef").unwrap();
        assert!(new.verify(&tag(a.clone()), b"text", &mac));
        assert_ne!(new.sign(&tag(a), b"text"), mac);
    }

    #[test]
    fn short_keys_are_refused() {
        let error = HistoryKey::new("").unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Config);
        assert!(HistoryKey::new([7; 16]).unwrap().with_retired("x").is_err());
    }
}
