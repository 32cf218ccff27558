//! Bytes in requests: how many there may be, base64, data URIs, and the hash that names them in answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

/// The largest request body: room for several photos of 20 MB as base64, and for those of earlier turns.
pub(super) const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// Splits `data:<type>;base64,<data>` into its type and its data.
pub(super) fn split_data_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("data:")?.split_once(";base64,")
}

/// Decodes base64; `place` names it in errors.
pub(super) fn decode_base64(data: &str, place: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(data).map_err(|_| {
        Refusal::invalid("Invalid base64 in the data URI.")
            .with_code("invalid_base64")
            .with_param(place)
    })
}

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// As much of a hash as a person compares.
pub(super) fn start_of(sha256: &str) -> &str {
    sha256.get(..16).unwrap_or(sha256)
}
