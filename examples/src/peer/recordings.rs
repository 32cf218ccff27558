//! What the peer says about audio that was sent to it. It knows nothing but the bytes, so that a right answer proves
//! that they arrived.

use serde_json::Value;

use super::payload::{decode_base64, sha256_hex, start_of};
use super::refusal::Refusal;
use crate::sizes::{count, human};

/// A recording, heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    format: Format,
    bytes: u64,
    sha256: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Wav(Wave),
    Mp3,
}

/// What the header of a WAV file says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wave {
    seconds: f64,
    sample_rate: u32,
    channels: u16,
}

impl Recording {
    /// Listens to the value of `input_audio` in a part; `place` names the part in errors.
    ///
    /// # Errors
    /// When its format is neither `wav` nor `mp3`, or the bytes are not of that format.
    pub fn from_input_audio(audio: Option<&Value>, place: &str) -> Result<Self, Refusal> {
        let text = |name: &str| audio.and_then(|audio| audio.get(name)?.as_str());
        let invalid = |name: &str, message: String| {
            Refusal::invalid(message)
                .with_code("invalid_value")
                .with_param(format!("{place}.input_audio.{name}"))
        };
        let declared = text("format").unwrap_or_default();
        if !["wav", "mp3"].contains(&declared) {
            let message = format!(
                "Invalid value: '{}'. Supported values are: 'wav' and 'mp3'.",
                declared.chars().take(20).collect::<String>()
            );
            return Err(invalid("format", message));
        }
        let bytes = decode_base64(text("data").unwrap_or_default(), place)?;
        let format = match declared {
            "wav" => Wave::of(&bytes).map(Format::Wav),
            _ => is_mp3(&bytes).then_some(Format::Mp3),
        };
        let format = format.ok_or_else(|| {
            let message = format!("The audio could not be decoded as '{declared}'.");
            invalid("data", message)
        })?;
        Ok(Self {
            format,
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
        })
    }

    /// Format, size in bytes and seconds, and the start of the SHA-256.
    #[must_use]
    pub fn describe(&self) -> String {
        let (size, start) = (human(self.bytes), start_of(&self.sha256));
        let (name, heard) = match self.format {
            Format::Mp3 => ("n MP3", String::new()),
            Format::Wav(wave) => {
                let channels = count(u64::from(wave.channels), "channel");
                let heard = format!(
                    ", {:.2} s of {} Hz in {channels}",
                    wave.seconds, wave.sample_rate
                );
                (" WAV", heard)
            }
        };
        format!(
            "a{name} recording of {} bytes ({size}){heard}, SHA-256 {start}…",
            self.bytes
        )
    }
}

impl Wave {
    /// Reads the chunks of a WAV file up to its samples.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes
            .strip_prefix(b"RIFF")?
            .get(4..)?
            .strip_prefix(b"WAVE")?;
        let mut format = None;
        loop {
            let (name, after) = rest.split_first_chunk::<4>()?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length) as usize;
            match name {
                b"fmt " => format = after.split_first_chunk::<16>().map(|(fields, _)| *fields),
                b"data" => return Self::from_format(format?, length.min(after.len())),
                _ => {}
            }
            // Chunks begin at even places.
            rest = after.get(length.checked_add(length % 2)?..)?;
        }
    }

    fn from_format(format: [u8; 16], length: usize) -> Option<Self> {
        let [_, _, c0, c1, r0, r1, r2, r3, b0, b1, b2, b3, ..] = format;
        let channels = u16::from_le_bytes([c0, c1]);
        let bytes_per_second = u32::from_le_bytes([b0, b1, b2, b3]);
        (channels > 0 && bytes_per_second > 0).then(|| Self {
            seconds: length as f64 / f64::from(bytes_per_second),
            sample_rate: u32::from_le_bytes([r0, r1, r2, r3]),
            channels,
        })
    }
}

/// Whether bytes begin with a tag or a frame of MPEG audio.
fn is_mp3(bytes: &[u8]) -> bool {
    match bytes {
        [b'I', b'D', b'3', ..] => true,
        [0xff, second, ..] => second & 0xe0 == 0xe0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_before_the_samples_are_skipped() {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        file.extend([1, 0, 2, 0]);
        file.extend(8000_u32.to_le_bytes());
        file.extend(32_000_u32.to_le_bytes());
        file.extend([4, 0, 16, 0]);
        file.extend(b"data");
        file.extend(64_000_u32.to_le_bytes());
        // Cut off: only what is there counts.
        file.extend(vec![0; 16_000]);
        let wave = Wave::of(&file).unwrap();
        assert_eq!((wave.seconds, wave.channels), (0.5, 2));
        for end in 0..file.len() - 16_000 {
            assert_eq!(Wave::of(&file[..end]), None, "{end}");
        }
    }
}
