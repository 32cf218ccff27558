use bytes::Bytes;
use image::ImageFormat as Encoder;
use media_image::{ImageErrorKind, ImageLimits, Profile, fit};
use proptest::prelude::*;

use crate::samples;

fn refused(bytes: &Bytes) -> ImageErrorKind {
    let profile = Profile::thumbnail(64);
    fit(bytes, &profile, &ImageLimits::default())
        .unwrap_err()
        .kind()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_bytes_fail_or_fit(
        which in 0_usize..5,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = match which {
            4 => samples::animated_gif(24, 24, 2).to_vec(),
            which => {
                let encoder = [Encoder::Png, Encoder::Jpeg, Encoder::Gif, Encoder::WebP][which];
                samples::encoded(&samples::half_transparent(40, 30).to_rgb8().into(), encoder).to_vec()
            }
        };
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = ImageLimits::new().with_max_pixels(1_000_000);
        let len = bytes.len();
        if let Ok(result) = fit(&bytes.into(), &Profile::thumbnail(16), &limits) {
            prop_assert!(result.width.max(result.height) <= 16 && result.bytes.len() <= len);
        }
    }
}

#[test]
fn bombs_are_refused_by_their_header() {
    assert_eq!(
        refused(&samples::png_header(60_000, 60_000)),
        ImageErrorKind::TooLarge
    );
    assert_eq!(
        refused(&samples::png_header(u32::MAX, u32::MAX)),
        ImageErrorKind::TooLarge
    );
    let jpeg =
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xd9";
    assert_eq!(refused(&Bytes::from_static(jpeg)), ImageErrorKind::TooLarge);
    assert_eq!(
        refused(&Bytes::from_static(b"GIF89a\xff\xff\xff\xff\0\0\0;")),
        ImageErrorKind::TooLarge
    );
    let webp = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff";
    assert_eq!(refused(&Bytes::from_static(webp)), ImageErrorKind::TooLarge);
    assert_eq!(
        refused(&samples::png_header(0, 0)),
        ImageErrorKind::Malformed
    );
    let too_long = vec![0; 100];
    let limits = ImageLimits::new().with_max_bytes(99);
    let error = fit(&too_long.into(), &Profile::new(), &limits).unwrap_err();
    assert_eq!(error.kind(), ImageErrorKind::TooLarge);
}

#[test]
fn frames_larger_than_the_header_are_refused() {
    // The extended header of a WebP says 8 x 8, its pixels are 300 x 200.
    let inner = samples::encoded(&samples::photo(300, 200), Encoder::WebP);
    let mut chunks = b"VP8X\x0a\0\0\0\0\0\0\0\x07\0\0\x07\0\0".to_vec();
    chunks.extend_from_slice(&inner[12..]);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(chunks.len() as u32 + 4).to_le_bytes());
    bytes.extend_from_slice(b"WEBP");
    bytes.extend(chunks);
    let profile = Profile::thumbnail(4);
    let result = fit(&bytes.into(), &profile, &ImageLimits::default());
    assert!(result.is_err());
}

#[test]
fn pixels_that_end_early_are_refused() {
    for encoder in [Encoder::Png, Encoder::Gif, Encoder::WebP] {
        let whole = samples::encoded(&samples::photo(200, 150), encoder);
        let half = whole.slice(..whole.len() / 2);
        assert!(
            matches!(
                refused(&half),
                ImageErrorKind::Truncated | ImageErrorKind::Malformed
            ),
            "{encoder:?}"
        );
    }
}

#[test]
fn formats_that_are_only_probed_say_so() {
    assert_eq!(
        refused(&samples::heif(b"heic", 640, 480, 0)),
        ImageErrorKind::Unsupported
    );
    let bmp = samples::encoded(&samples::photo(9, 9), Encoder::Bmp);
    assert_eq!(refused(&bmp), ImageErrorKind::Unsupported);
    assert_eq!(
        refused(&Bytes::from_static(b"text")),
        ImageErrorKind::UnknownFormat
    );
}
