use image::{DynamicImage, GenericImageView, ImageFormat as Encoder};
use media_image::{
    Animation, FitOutcome, FittedImage, ImageErrorKind, ImageFormat, ImageLimits, Profile, fit,
    probe,
};
use proptest::prelude::*;

use crate::samples;

fn fitted(bytes: &bytes::Bytes, profile: &Profile) -> FittedImage {
    fit(bytes, profile, &ImageLimits::default()).unwrap()
}

fn pixels(image: &FittedImage) -> DynamicImage {
    let decoded = image::load_from_memory(&image.bytes).unwrap();
    assert_eq!(
        (decoded.width(), decoded.height()),
        (image.width, image.height)
    );
    decoded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn renditions_keep_to_the_profile(
        (width, height) in (1_u32..400, 1_u32..300),
        which in 0_usize..4,
        edge in 1_u32..300,
        max_bytes in 2_000_u64..60_000,
        accepted in 0_usize..3,
        transparent in any::<bool>(),
    ) {
        let encoder = [Encoder::Png, Encoder::Jpeg, Encoder::Gif, Encoder::WebP][which];
        let image = match transparent && encoder != Encoder::Jpeg {
            true => samples::half_transparent(width, height),
            false => samples::photo(width, height),
        };
        let bytes = samples::encoded(&image, encoder);
        let formats: &[ImageFormat] = match accepted {
            0 => &[ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif],
            1 => &[ImageFormat::Jpeg],
            _ => &[ImageFormat::Png, ImageFormat::Jpeg],
        };
        let profile = Profile::new()
            .with_longest_edge(edge)
            .with_max_bytes(max_bytes)
            .with_formats(formats.iter().copied());
        match fit(&bytes, &profile, &ImageLimits::default()) {
            Ok(result) => {
                let longest = result.width.max(result.height);
                prop_assert!(longest <= edge.min(width.max(height)));
                prop_assert!(result.bytes.len() as u64 <= max_bytes.min(bytes.len() as u64));
                prop_assert!(formats.contains(&result.format));
                prop_assert_eq!(probe(&result.bytes).unwrap().format, result.format);
                // Proportions differ by less than a pixel.
                let scale = f64::from(longest) / f64::from(width.max(height));
                prop_assert!((f64::from(width) * scale - f64::from(result.width)).abs() < 1.0);
                prop_assert!((f64::from(height) * scale - f64::from(result.height)).abs() < 1.0);
                pixels(&result);
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ImageErrorKind::CannotFit);
                // Tiny images have headers that are smaller than those that are written.
                prop_assert!(bytes.len() < 2_000, "{} bytes", bytes.len());
            }
        }
    }
}

#[test]
fn every_orientation_is_applied_to_the_pixels() {
    // Where the red, the green, the blue and the white quarter are shown.
    let expected = [
        (1, ["red", "green", "blue", "white"]),
        (2, ["green", "red", "white", "blue"]),
        (3, ["white", "blue", "green", "red"]),
        (4, ["blue", "white", "red", "green"]),
        (5, ["red", "blue", "green", "white"]),
        (6, ["blue", "red", "white", "green"]),
        (7, ["white", "green", "blue", "red"]),
        (8, ["green", "white", "red", "blue"]),
    ];
    let jpeg = samples::encoded(&samples::quarters(96, 64), Encoder::Jpeg);
    for (orientation, colors) in expected {
        let turned = samples::jpeg_with_exif(&jpeg, orientation);
        let result = fitted(&turned, &Profile::new().with_longest_edge(48));
        let size = if orientation > 4 { (32, 48) } else { (48, 32) };
        assert_eq!(
            (result.width, result.height),
            size,
            "orientation {orientation}"
        );
        let image = pixels(&result);
        let name = |x: u32, y: u32| match image.get_pixel(x, y).0 {
            [200..=255, 200..=255, 200..=255, _] => "white",
            [200..=255, _, _, _] => "red",
            [_, 200..=255, _, _] => "green",
            _ => "blue",
        };
        let (right, bottom) = (size.0 - 6, size.1 - 6);
        let shown = [
            name(5, 5),
            name(right, 5),
            name(5, bottom),
            name(right, bottom),
        ];
        assert_eq!(shown, colors, "orientation {orientation}");
        assert_eq!(
            probe(&result.bytes).unwrap().orientation,
            media_image::Orientation::Normal
        );
    }
}

#[test]
fn an_original_that_fits_keeps_its_pixels() {
    let jpeg = samples::encoded(&samples::photo(200, 100), Encoder::Jpeg);
    let result = fitted(&jpeg, &Profile::new().with_longest_edge(200));
    assert_eq!(
        (result.outcome, &result.bytes),
        (FitOutcome::Unchanged, &jpeg)
    );
    let with_exif = samples::jpeg_with_exif(&jpeg, 1);
    let result = fitted(&with_exif, &Profile::new());
    assert_eq!(
        (result.outcome, &result.bytes),
        (FitOutcome::Stripped, &jpeg)
    );
    // Metadata alone was too much.
    let profile = Profile::new().with_max_bytes(jpeg.len() as u64);
    assert_eq!(fitted(&with_exif, &profile).outcome, FitOutcome::Stripped);
}

#[test]
fn nothing_is_enlarged() {
    let png = samples::encoded(&samples::photo(100, 50), Encoder::Png);
    let profile = Profile::new()
        .with_longest_edge(4000)
        .with_formats([ImageFormat::Jpeg]);
    let result = fitted(&png, &profile);
    assert_eq!(
        (result.width, result.height, result.format),
        (100, 50, ImageFormat::Jpeg)
    );
}

#[test]
fn transparency_is_kept_or_shown_on_white() {
    let png = samples::encoded(&samples::half_transparent(200, 100), Encoder::Png);
    let kept = fitted(&png, &Profile::thumbnail(100));
    assert_eq!(kept.format, ImageFormat::Png);
    assert_eq!(pixels(&kept).get_pixel(10, 10).0[3], 0);
    let flat = fitted(
        &png,
        &Profile::thumbnail(100).with_formats([ImageFormat::Jpeg]),
    );
    let [red, green, blue, _] = pixels(&flat).get_pixel(10, 10).0;
    assert!(red > 245 && green > 245 && blue > 245);
}

#[test]
fn animations_are_kept_whole_or_become_their_first_frame() {
    let gif = samples::animated_gif(64, 64, 3);
    let kept = fitted(&gif, &Profile::new());
    assert!(probe(&kept.bytes).unwrap().is_animated());
    let still = fitted(&gif, &Profile::new().with_animation(Animation::FirstFrame));
    assert_eq!(still.outcome, FitOutcome::Rendered);
    assert_eq!(pixels(&still).get_pixel(5, 5).0[..3], [0, 0, 0]);
    // An animation that is too large is not scaled: its first frame is.
    let scaled = fitted(&gif, &Profile::new().with_longest_edge(32));
    assert!(!probe(&scaled.bytes).unwrap().is_animated());
}

#[test]
fn deep_and_gray_images_are_rendered() {
    let deep: DynamicImage = samples::photo(90, 60).into_rgba16().into();
    let gray: DynamicImage = samples::photo(90, 60).into_luma8().into();
    let gray_alpha: DynamicImage = samples::half_transparent(90, 60).into_luma_alpha16().into();
    for image in [deep, gray, gray_alpha] {
        let png = samples::encoded(&image, Encoder::Png);
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let profile = Profile::new().with_longest_edge(45).with_formats([format]);
            let result = fitted(&png, &profile);
            assert_eq!(
                (result.width, result.height, result.format),
                (45, 30, format)
            );
            pixels(&result);
        }
    }
}

#[test]
fn color_profiles_stay_with_their_pixels() {
    use image::ImageEncoder;
    use image::codecs::png::PngEncoder;
    let mut profile = vec![0_u8; 128];
    profile[16..20].copy_from_slice(b"RGB ");
    let image = samples::photo(60, 40);
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile.clone()).unwrap();
    image.write_with_encoder(encoder).unwrap();
    let result = fitted(
        &png.into(),
        &Profile::thumbnail(30).with_formats([ImageFormat::Jpeg]),
    );
    assert!(
        result
            .bytes
            .windows(12)
            .any(|window| window == b"ICC_PROFILE\0")
    );
    assert!(result.bytes.windows(128).any(|window| window == profile));
}
