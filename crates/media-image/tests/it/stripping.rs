use image::ImageFormat as Encoder;
use media_image::{Frames, ImageErrorKind, probe, strip_metadata};
use proptest::prelude::*;

use crate::samples;

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn pixels(bytes: &[u8]) -> image::DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pixels_stay_and_nothing_grows(width in 1_u32..80, height in 1_u32..80, which in 0_usize..4) {
        let encoder = [Encoder::Png, Encoder::Jpeg, Encoder::Gif, Encoder::WebP][which];
        let mut bytes = samples::encoded(&samples::photo(width, height), encoder).to_vec();
        let stripped = strip_metadata(&bytes).unwrap();
        prop_assert_eq!(pixels(&stripped), pixels(&bytes));
        prop_assert!(stripped.len() <= bytes.len());
        // A second file behind the first one goes, and the result is stable.
        bytes.extend_from_slice(b"<script>alert(1)</script>");
        let again = strip_metadata(&bytes).unwrap();
        prop_assert_eq!(&again, &stripped);
        prop_assert_eq!(strip_metadata(&again).unwrap(), again);
    }

    #[test]
    fn what_ends_early_is_refused(which in 0_usize..4, cut in 1_usize..12) {
        let encoder = [Encoder::Png, Encoder::Jpeg, Encoder::Gif, Encoder::WebP][which];
        let bytes = samples::encoded(&samples::photo(20, 20), encoder);
        let part = &bytes[..bytes.len() - cut];
        prop_assert_eq!(strip_metadata(part).unwrap_err().kind(), ImageErrorKind::Truncated);
    }
}

#[test]
fn exif_and_comments_go() {
    let jpeg = samples::encoded(&samples::photo(40, 30), Encoder::Jpeg);
    let with_exif = samples::jpeg_with_exif(&jpeg, 1);
    assert!(contains(&with_exif, b"home, 7b"));
    assert_eq!(strip_metadata(&with_exif).unwrap(), jpeg);

    let png = samples::encoded(&samples::photo(40, 30), Encoder::Png);
    let chunks = [
        samples::png_chunk(b"eXIf", &samples::exif(1)),
        samples::png_chunk(b"tEXt", b"Comment\0home, 7b"),
        samples::png_chunk(b"prVt", b"anything"),
    ];
    assert_eq!(
        strip_metadata(&samples::png_with(&png, &chunks)).unwrap(),
        png
    );
}

#[test]
fn chunks_of_webp_go_and_its_header_says_so() {
    let webp = samples::encoded(&samples::half_transparent(20, 10), Encoder::WebP);
    let mut chunks = b"VP8X\x0a\0\0\0\x1c\0\0\0\x13\0\0\x09\0\0".to_vec();
    chunks.extend_from_slice(&webp[12..]);
    for name in [b"EXIF", b"XMP "] {
        chunks.extend_from_slice(name);
        chunks.extend_from_slice(&9_u32.to_le_bytes());
        chunks.extend_from_slice(b"home, 7b\0\0");
    }
    let mut extended = b"RIFF".to_vec();
    extended.extend_from_slice(&(chunks.len() as u32 + 4).to_le_bytes());
    extended.extend_from_slice(b"WEBP");
    extended.extend_from_slice(&chunks);
    let stripped = strip_metadata(&extended).unwrap();
    assert!(contains(&extended, b"home, 7b") && !contains(&stripped, b"home, 7b"));
    assert_eq!(stripped[20], 0x10);
    assert_eq!(pixels(&stripped), pixels(&webp));
}

#[test]
fn animations_keep_their_frames_and_their_repetition() {
    let gif = samples::animated_gif(8, 8, 3);
    let mut commented = gif[..gif.len() - 1].to_vec();
    commented.extend_from_slice(b"\x21\xfe\x08home, 7b\0;");
    let stripped = strip_metadata(&commented).unwrap();
    assert_eq!(stripped, gif);
    assert!(contains(&stripped, b"NETSCAPE2.0"));
    assert_eq!(probe(&stripped).unwrap().frames, Frames::Several(Some(3)));
}

#[test]
fn thumbnails_inside_go() {
    let jpeg = samples::encoded(&samples::photo(16, 16), Encoder::Jpeg);
    assert_eq!(&jpeg[6..11], b"JFIF\0");
    let mut with_thumbnail = jpeg[..4].to_vec();
    with_thumbnail.extend_from_slice(&19_u16.to_be_bytes());
    with_thumbnail.extend_from_slice(&jpeg[6..18]);
    with_thumbnail.extend_from_slice(&[1, 1, 9, 9, 9]);
    with_thumbnail.extend_from_slice(&jpeg[20..]);
    assert_eq!(strip_metadata(&with_thumbnail).unwrap(), jpeg);
}
