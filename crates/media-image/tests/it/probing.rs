use image::ImageFormat as Encoder;
use media_image::{Frames, ImageErrorKind, ImageFormat, Orientation, probe};
use proptest::prelude::*;

use crate::samples;

const ENCODERS: [(Encoder, ImageFormat); 4] = [
    (Encoder::Png, ImageFormat::Png),
    (Encoder::Jpeg, ImageFormat::Jpeg),
    (Encoder::Gif, ImageFormat::Gif),
    (Encoder::WebP, ImageFormat::WebP),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn dimensions_are_those_of_the_encoder(width in 1_u32..300, height in 1_u32..200, which in 0_usize..4) {
        let (encoder, format) = ENCODERS[which];
        let bytes = samples::encoded(&samples::photo(width, height), encoder);
        let info = probe(&bytes).unwrap();
        prop_assert_eq!((info.format, info.width, info.height), (format, width, height));
        prop_assert_eq!(info.frames, Frames::One);
    }

    #[test]
    fn a_part_says_the_same_or_nothing(which in 0_usize..6, cut in 0.0_f64..1.0) {
        let whole = match which {
            4 => samples::heif(b"heic", 4032, 3024, 3),
            5 => samples::jpeg_with_exif(&samples::encoded(&samples::photo(30, 20), Encoder::Jpeg), 6),
            which => samples::encoded(&samples::photo(30, 20), ENCODERS[which].0),
        };
        let expected = probe(&whole).unwrap();
        let part = &whole[..(whole.len() as f64 * cut) as usize];
        match probe(part) {
            Ok(info) => {
                prop_assert_eq!((info.format, info.width, info.height), (expected.format, expected.width, expected.height));
                prop_assert!(info.frames == expected.frames || info.frames == Frames::Unknown);
            }
            Err(error) => prop_assert!(
                matches!(error.kind(), ImageErrorKind::Truncated | ImageErrorKind::UnknownFormat)
            ),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        which in 0_usize..8,
        at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = match which {
            4 => samples::heif(b"avif", 640, 480, 1).to_vec(),
            5 => samples::exif(6),
            6 => samples::jpeg_with_exif(&samples::encoded(&samples::photo(9, 9), Encoder::Jpeg), 6).to_vec(),
            7 => samples::encoded(&samples::photo(9, 9), Encoder::Bmp).to_vec(),
            which => samples::encoded(&samples::photo(9, 9), ENCODERS[which].0).to_vec(),
        };
        for (index, byte) in at {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = probe(&bytes);
        let _ = media_image::strip_metadata(&bytes);
    }
}

#[test]
fn frames_are_counted_where_all_bytes_are_there() {
    let gif = samples::animated_gif(8, 8, 3);
    assert_eq!(probe(&gif).unwrap().frames, Frames::Several(Some(3)));
    let part = &gif[..gif.len() - 1];
    assert_eq!(probe(part).unwrap().frames, Frames::Several(None));
    let png = samples::encoded(&samples::photo(8, 8), Encoder::Png);
    let animation = samples::png_chunk(b"acTL", &[0, 0, 0, 4, 0, 0, 0, 0]);
    let animated = samples::png_with(&png, &[animation]);
    assert_eq!(probe(&animated).unwrap().frames, Frames::Several(Some(4)));
    assert_eq!(probe(&png[..40]).unwrap().frames, Frames::Unknown);
}

#[test]
fn orientation_is_read_from_every_container() {
    let jpeg = samples::encoded(&samples::photo(30, 20), Encoder::Jpeg);
    let info = probe(&samples::jpeg_with_exif(&jpeg, 6)).unwrap();
    assert_eq!(info.orientation, Orientation::Rotate90);
    assert_eq!(info.display_size(), (20, 30));
    let png = samples::encoded(&samples::photo(30, 20), Encoder::Png);
    let png = samples::png_with(&png, &[samples::png_chunk(b"eXIf", &samples::exif(3))]);
    assert_eq!(probe(&png).unwrap().orientation, Orientation::Rotate180);
    // Values that are not defined count as none.
    assert_eq!(
        probe(&samples::jpeg_with_exif(&jpeg, 9))
            .unwrap()
            .orientation,
        Orientation::Normal
    );
}

#[test]
fn heif_has_the_dimensions_of_its_primary_item() {
    for (brand, format) in [(b"heic", ImageFormat::Heic), (b"avif", ImageFormat::Avif)] {
        let info = probe(&samples::heif(brand, 4032, 3024, 3)).unwrap();
        assert_eq!((info.format, info.width, info.height), (format, 4032, 3024));
        assert_eq!(info.orientation, Orientation::Rotate90);
    }
    // A generic first brand, with the codec among the others.
    let mut generic = samples::heif(b"mif1", 64, 48, 0).to_vec();
    generic[16..20].copy_from_slice(b"heic");
    assert_eq!(probe(&generic).unwrap().format, ImageFormat::Heic);
}

#[test]
fn tiff_and_bmp_are_probed() {
    let bmp = samples::encoded(&samples::photo(31, 17), Encoder::Bmp);
    let info = probe(&bmp).unwrap();
    assert_eq!(
        (info.format, info.width, info.height),
        (ImageFormat::Bmp, 31, 17)
    );
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    for (tag, value) in [(256_u16, 640_u32), (257, 480)] {
        tiff.extend_from_slice(&tag.to_be_bytes());
        tiff.extend_from_slice(&[0, 4, 0, 0, 0, 1]);
        tiff.extend_from_slice(&value.to_be_bytes());
    }
    tiff.extend_from_slice(&[0; 4]);
    let info = probe(&tiff).unwrap();
    assert_eq!(
        (info.format, info.width, info.height),
        (ImageFormat::Tiff, 640, 480)
    );
}

#[test]
fn impossible_headers_are_refused() {
    let kind = |bytes: &[u8]| probe(bytes).unwrap_err().kind();
    assert_eq!(kind(b""), ImageErrorKind::UnknownFormat);
    assert_eq!(
        kind(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ImageErrorKind::UnknownFormat
    );
    assert_eq!(
        kind(b"BMs are two letters of text"),
        ImageErrorKind::UnknownFormat
    );
    assert_eq!(kind(&samples::png_header(0, 0)), ImageErrorKind::Malformed);
    assert_eq!(
        kind(&samples::png_header(100, 0)),
        ImageErrorKind::Malformed
    );
    assert_eq!(kind(b"GIF89a\0\0\0\0\0\0\0;"), ImageErrorKind::Malformed);
    // A JPEG whose pixels come before their header.
    assert_eq!(kind(b"\xff\xd8\xff\xda\0\x02"), ImageErrorKind::Malformed);
    assert_eq!(kind(b"\xff\xd8\xff\xe0\0\x01"), ImageErrorKind::Malformed);
}
