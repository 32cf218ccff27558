//! The work that cannot be left out, and the way that is usual.

use std::hint::black_box;
use std::io::Read as _;
use std::path::PathBuf;

use media_types::base64;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Result;

/// Divisible by 3, so that pieces of text follow one another.
const PIECE: usize = 192 * 1024;

/// Reads, hashes and encodes each file, piece by piece.
pub(super) fn floor(files: &[PathBuf]) -> Result<()> {
    let mut piece = vec![0; PIECE];
    let mut text = Vec::with_capacity(PIECE / 3 * 4 + 8);
    for file in files {
        let mut file = std::fs::File::open(file)?;
        let mut hasher = Sha256::new();
        let mut encoder = base64::Encoder::new();
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            let bytes = piece.get(..read).unwrap_or_default();
            hasher.update(bytes);
            text.clear();
            encoder.push(bytes, &mut text);
            black_box(&text);
        }
        text.clear();
        encoder.finish(&mut text);
        black_box((&text, hasher.finalize()));
    }
    Ok(())
}

/// Makes the whole request in memory.
pub(super) fn plain(files: &[PathBuf]) -> Result<()> {
    let mut parts = vec![json!({"type": "text", "text": "see"})];
    for file in files {
        let text = base64::encode(&std::fs::read(file)?);
        let url = format!("data:image/png;base64,{text}");
        parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
    }
    let messages = json!([{"role": "user", "content": parts}]);
    let body = serde_json::to_vec(&json!({"model": "model", "messages": messages}))?;
    black_box(body);
    Ok(())
}
