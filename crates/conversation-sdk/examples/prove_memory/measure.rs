//! Resident memory of this process.

use crate::Result;

pub(crate) const MIB: u64 = 1024 * 1024;

fn field(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: u64 = kib.ok_or("no such field in /proc/self/status")?.parse()?;
    Ok(kib * 1024)
}

/// Memory before, against which the largest is held.
pub(crate) struct Idle(u64);

impl Idle {
    /// Takes the figure and forgets the largest one so far.
    pub(crate) fn now() -> Result<Self> {
        std::fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self(field("VmRSS:")?))
    }

    /// Tells how far memory rose above it, and whether that is within the bound.
    pub(crate) fn judge(&self, what: &str, bound_mib: u64) -> Result<bool> {
        let risen = field("VmHWM:")?.saturating_sub(self.0);
        let kept = risen <= bound_mib * MIB;
        println!(
            "{}: {what}: {:.1} MiB above idle ({:.1} MiB), bound {bound_mib} MiB",
            if kept { "ok" } else { "NOT MET" },
            risen as f64 / MIB as f64,
            self.0 as f64 / MIB as f64,
        );
        Ok(kept)
    }
}

/// Bytes that no codec or file system makes smaller, different for each seed.
pub(crate) fn noise(seed: u64, bytes: &mut [u8]) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for piece in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = state.to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
}
