//! What the size of a sidecar shows.

use media_storage::Sidecar;

/// Sidecars of the second protocol have a length of a multiple of this, and as many bytes less as
/// their flags say, so that a listing shows what is in them.
pub(crate) const BLOCK: u64 = 512;

/// Number of combinations of flags.
const FLAGS: u64 = 8;

/// What the size of a sidecar shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SidecarFlags {
    pub(crate) expires: bool,
    pub(crate) has_user: bool,
    pub(crate) shared: bool,
}

impl SidecarFlags {
    pub(super) fn of(sidecar: &Sidecar, shared: bool) -> Self {
        Self {
            expires: sidecar.expires_at.is_some(),
            has_user: sidecar.user_id.is_some(),
            shared,
        }
    }

    /// Returns the flags of a sidecar of this size, if it can be one of the second protocol. One in
    /// 64 sidecars of the first protocol looks like one, so that this only says where to look.
    pub(crate) fn of_size(size: u64) -> Option<Self> {
        let bits = (size % BLOCK).checked_sub(BLOCK - FLAGS)?;
        Some(Self {
            expires: bits & 1 != 0,
            has_user: bits & 2 != 0,
            shared: bits & 4 != 0,
        })
    }

    pub(super) fn remainder(self) -> u64 {
        let bit = |set: bool, value: u64| if set { value } else { 0 };
        BLOCK - FLAGS + bit(self.expires, 1) + bit(self.has_user, 2) + bit(self.shared, 4)
    }
}
