//! The numbers in the names of expiry hints and index entries.

use media_storage::Sidecar;
use serde_json::Value;

use super::sidecar::revision_of;
use crate::protocol::Nonce;

/// An object that leads to a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// The expiry hint.
    Hint,
    /// The entry in the index of the user.
    Entry,
}

impl Pointer {
    /// The field of a sidecar whose hour of expiry, or whose user, was changed since it was stored.
    fn field(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Entry => "entry",
        }
    }

    /// Returns the number in its name: that of the update that gave the sidecar another one, or else the
    /// revision. What was stored and never changed has none.
    pub(crate) fn number(self, sidecar: &Sidecar) -> Option<Nonce> {
        let number = sidecar.unknown.get(self.field()).and_then(Value::as_str);
        let number = number.and_then(|number| number.parse().ok());
        number.or_else(|| revision_of(sidecar))
    }

    /// Gives a sidecar one whose name no version of it had before.
    pub(crate) fn renew(self, sidecar: &mut Sidecar, number: Nonce) {
        let value = Value::String(number.to_string());
        sidecar.unknown.insert(self.field().to_owned(), value);
    }
}
