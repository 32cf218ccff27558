//! The secrets that links are signed with.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use media_types::StorageReference;
use sha2::Sha256;

use crate::error::{LinkError, LinkErrorKind};

/// Shortest secret that is accepted, in bytes.
const MIN_SECRET_LEN: usize = 32;

/// Length of the MAC of a link, in bytes.
pub(super) const MAC_LEN: usize = 16;

/// The secret that links are signed with, and secrets that were used earlier.
///
/// All nodes of a service need the same keys. To rotate, make a new secret the current one and list the
/// old one as retired until its last link has expired: at most 7 days.
///
/// ```
/// use media_http::LinkKeys;
/// let keys = LinkKeys::new("the new secret of thirty-two bytes or more")?
///     .with_retired("the old secret of thirty-two bytes or more")?;
/// assert_eq!(format!("{keys:?}"), "LinkKeys(1 retired)");
/// # Ok::<(), media_http::LinkError>(())
/// ```
#[derive(Clone)]
pub struct LinkKeys {
    current: SigningKey,
    retired: Vec<SigningKey>,
}

impl LinkKeys {
    /// Creates keys from the secret that links are signed with.
    ///
    /// # Errors
    /// `ShortSecret` for fewer than 32 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, LinkError> {
        Ok(Self {
            current: SigningKey::new(secret.as_ref())?,
            retired: Vec::new(),
        })
    }

    /// Adds a secret that links were signed with earlier. Its links are valid until they expire.
    ///
    /// # Errors
    /// `ShortSecret` for fewer than 32 bytes.
    pub fn with_retired(mut self, secret: impl AsRef<[u8]>) -> Result<Self, LinkError> {
        self.retired.push(SigningKey::new(secret.as_ref())?);
        Ok(self)
    }

    pub(super) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Returns the key that a payload was signed with.
    pub(super) fn signer_of(&self, payload: &[u8], mac: &[u8]) -> Option<&SigningKey> {
        std::iter::once(&self.current)
            .chain(&self.retired)
            .find(|key| key.verifies(payload, mac))
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKeys({} retired)", self.retired.len())
    }
}

/// One secret.
#[derive(Clone)]
pub(crate) struct SigningKey(Arc<[u8]>);

impl SigningKey {
    fn new(secret: &[u8]) -> Result<Self, LinkError> {
        if secret.len() < MIN_SECRET_LEN {
            return Err(LinkError::new(LinkErrorKind::ShortSecret));
        }
        Ok(Self(secret.into()))
    }

    /// Returns the state of a MAC for one use. `None` never happens: HMAC takes secrets of any length.
    fn mac(&self, use_of_key: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(use_of_key);
        mac.update(b"\0");
        Some(mac)
    }

    /// Returns the MAC of the payload of a link.
    pub(super) fn sign(&self, payload: &[u8]) -> Option<[u8; MAC_LEN]> {
        let mut mac = self.mac(b"media-link:v1")?;
        mac.update(payload);
        let full = mac.finalize().into_bytes();
        full.get(..MAC_LEN)?.try_into().ok()
    }

    /// Whether a MAC is that of the payload. Takes the same time whatever the MAC is.
    fn verifies(&self, payload: &[u8], mac: &[u8]) -> bool {
        if mac.len() != MAC_LEN {
            return false;
        }
        self.mac(b"media-link:v1").is_some_and(|mut state| {
            state.update(payload);
            state.verify_truncated_left(mac).is_ok()
        })
    }

    /// Returns the entity tag of media. Media never changes under a reference, so the reference decides;
    /// the tag reveals nothing about the bytes to those who have other copies of them.
    pub(crate) fn entity_tag(&self, reference: &StorageReference) -> String {
        let Some(mut mac) = self.mac(b"media-etag:v1") else {
            return String::new();
        };
        for part in [
            reference.backend(),
            reference.store_name().unwrap_or_default(),
            reference.id(),
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let full = mac.finalize().into_bytes();
        let tag = full.get(..MAC_LEN).unwrap_or_default();
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(tag))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}
