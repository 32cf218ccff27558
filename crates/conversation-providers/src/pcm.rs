//! Audio without a header, as live APIs give it, and the header that makes a WAV file of it.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use media_types::{MediaContent, Mime};

/// The attribute that holds how many samples of each channel make a second.
const SAMPLE_RATE: &str = "sample_rate";

/// The attribute that holds the number of channels.
const CHANNELS: &str = "channels";

/// What live APIs give where they say nothing else, in samples a second.
const USUAL_RATE: NonZeroU32 = match NonZeroU32::new(24_000) {
    Some(rate) => rate,
    None => NonZeroU32::MIN,
};

const BYTES_PER_SAMPLE: u16 = 2;

/// The size of the header of a WAV file, in bytes.
pub(crate) const WAV_HEADER: u64 = 44;

/// The format of raw audio: samples of 16 bits, the lower byte first.
///
/// Audio of the types `audio/pcm` and `audio/l16` has no header, so its format stands in the attributes
/// `sample_rate` and `channels` of the content; without them it is 24,000 samples a second of one channel.
/// Where an API takes WAV and no raw audio, requests wrap it as it is sent.
///
/// The lower byte is taken to be first in `audio/l16` too, as live APIs send it. RFC 2586 has the higher byte
/// first: audio of other sources must have its bytes swapped before.
///
/// ```
/// use conversation_providers::PcmFormat;
/// use media_types::{MediaContent, Mime};
///
/// let format = PcmFormat::new(16_000, 1).expect("neither is 0");
/// let spoken = MediaContent::from_bytes(Mime::AUDIO_PCM, vec![0; 3200]);
/// let spoken = format.attach_to(spoken);
/// assert_eq!(PcmFormat::of(&spoken), Some(format));
///
/// // A file that players open.
/// let wav = format.wav(&[0; 3200]);
/// assert_eq!(&wav[..4], b"RIFF");
/// assert_eq!(wav.len(), 3244);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PcmFormat {
    sample_rate: NonZeroU32,
    channels: NonZeroU16,
}

impl PcmFormat {
    /// Creates a format of a number of samples a second and of channels; `None` where either is 0.
    pub fn new(sample_rate: u32, channels: u16) -> Option<Self> {
        Some(Self {
            sample_rate: NonZeroU32::new(sample_rate)?,
            channels: NonZeroU16::new(channels)?,
        })
    }

    /// Returns the format of content that is raw audio; `None` for other content.
    pub fn of(content: &MediaContent) -> Option<Self> {
        if !is_raw(content.mime()) {
            return None;
        }
        let number = |name: &str| content.attribute(name)?.as_u64();
        let rate = number(SAMPLE_RATE).and_then(|rate| u32::try_from(rate).ok());
        let channels = number(CHANNELS).and_then(|channels| u16::try_from(channels).ok());
        Some(Self {
            sample_rate: rate.and_then(NonZeroU32::new).unwrap_or(USUAL_RATE),
            channels: channels
                .and_then(NonZeroU16::new)
                .unwrap_or(NonZeroU16::MIN),
        })
    }

    /// Returns the format that a MIME type with parameters states, such as `audio/L16;codec=pcm;rate=24000`;
    /// `None` where it is not raw audio or states no rate.
    pub fn from_mime(text: &str) -> Option<Self> {
        let mime: Mime = text.parse().ok()?;
        if !is_raw(&mime) {
            return None;
        }
        let parameter = |name: &str| {
            let mut parameters = text
                .split(';')
                .skip(1)
                .filter_map(|text| text.split_once('='));
            let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
            value.trim().trim_matches('"').parse::<u32>().ok()
        };
        let channels = parameter("channels").unwrap_or(1);
        Self::new(parameter("rate")?, u16::try_from(channels).ok()?)
    }

    /// Returns the samples a second of each channel.
    pub fn sample_rate(self) -> u32 {
        self.sample_rate.get()
    }

    /// Returns the number of channels.
    pub fn channels(self) -> u16 {
        self.channels.get()
    }

    /// Returns content whose attributes state the format.
    pub fn attach_to(self, content: MediaContent) -> MediaContent {
        content
            .with_attribute(SAMPLE_RATE, self.sample_rate())
            .with_attribute(CHANNELS, self.channels())
    }

    /// Returns the header that goes before `bytes` bytes of raw audio to make a WAV file, whose sizes have
    /// 32 bits: beyond 4 GiB it states as much as it can.
    pub fn wav_header(self, bytes: u64) -> [u8; 44] {
        let (rate, channels) = (self.sample_rate(), self.channels());
        let frame = channels.saturating_mul(BYTES_PER_SAMPLE);
        let data = u32::try_from(bytes).unwrap_or(u32::MAX);
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &data.saturating_add(36).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16_u32.to_le_bytes(),
            // PCM.
            &1_u16.to_le_bytes(),
            &channels.to_le_bytes(),
            &rate.to_le_bytes(),
            &rate.saturating_mul(u32::from(frame)).to_le_bytes(),
            &frame.to_le_bytes(),
            &(8 * BYTES_PER_SAMPLE).to_le_bytes(),
            b"data",
            &data.to_le_bytes(),
        ];
        let mut header = [0; 44];
        for (place, byte) in header.iter_mut().zip(fields.concat()) {
            *place = byte;
        }
        header
    }

    /// Returns raw audio as a WAV file.
    pub fn wav(self, audio: &[u8]) -> Bytes {
        [&self.wav_header(audio.len() as u64), audio]
            .concat()
            .into()
    }
}

/// Whether a type is audio without a header.
fn is_raw(mime: &Mime) -> bool {
    *mime == Mime::AUDIO_PCM || *mime == Mime::AUDIO_L16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_from_types_and_attributes() {
        let format = |rate, channels| PcmFormat::new(rate, channels);
        for (text, expected) in [
            ("audio/L16;codec=pcm;rate=24000", format(24_000, 1)),
            ("audio/pcm; Rate=\"16000\"; channels=2", format(16_000, 2)),
            ("audio/L16", None),
            ("audio/pcm;rate=0", None),
            ("audio/pcm;rate=8000;channels=65536", None),
            ("audio/wav;rate=8000", None),
        ] {
            assert_eq!(PcmFormat::from_mime(text), expected, "{text}");
        }
        let raw = MediaContent::from_bytes(Mime::AUDIO_L16, vec![0; 4]);
        assert_eq!(PcmFormat::of(&raw), format(24_000, 1));
        let broken = raw
            .clone()
            .with_attribute("sample_rate", -1)
            .with_attribute("channels", 0);
        assert_eq!(PcmFormat::of(&broken), format(24_000, 1));
        let stereo = PcmFormat::new(44_100, 2).unwrap();
        assert_eq!(PcmFormat::of(&stereo.attach_to(raw)), Some(stereo));
        assert_eq!(
            PcmFormat::of(&MediaContent::from_bytes(Mime::AUDIO_WAV, vec![0])),
            None
        );
    }

    #[test]
    fn headers_are_those_of_wav_files() {
        let wav = PcmFormat::new(8000, 2).unwrap().wav(&[1, 2, 3, 4]);
        assert_eq!(
            wav.as_ref(),
            b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\x04\0\0\0\x01\x02\x03\x04"
        );
        let header = PcmFormat::new(u32::MAX, u16::MAX)
            .unwrap()
            .wav_header(u64::MAX);
        assert_eq!(header[40..], u32::MAX.to_le_bytes());
    }
}
