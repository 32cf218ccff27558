//! The error of keys and signers that cannot be made.

/// The kind of a [`LinkError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkErrorKind {
    /// A secret has fewer than 32 bytes.
    ShortSecret,
    /// The base of links is not an absolute `http` or `https` URL without query and fragment.
    InvalidBase,
}

/// Error returned when keys or a signer cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", match kind {
    LinkErrorKind::ShortSecret => "invalid link key: the secret has fewer than 32 bytes",
    LinkErrorKind::InvalidBase =>
        "invalid base of media links: an absolute http or https URL without query and fragment is needed",
})]
pub struct LinkError {
    kind: LinkErrorKind,
}

impl LinkError {
    pub(crate) fn new(kind: LinkErrorKind) -> Self {
        Self { kind }
    }

    /// Returns the kind.
    pub fn kind(&self) -> LinkErrorKind {
        self.kind
    }
}
