use super::*;

fn pixels(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    (frame.width, frame.height, pixels)
}

fn average(pixels: &[u8], size: Size, rows: std::ops::Range<u32>) -> [u64; 3] {
    let line = size.width() as usize * 3;
    let part = &pixels[rows.start as usize * line..rows.end as usize * line];
    let mut sum = [0_u64; 3];
    for pixel in part.chunks_exact(3) {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    sum.map(|sum| sum / (part.len() as u64 / 3))
}

#[test]
fn every_scene_is_a_png_of_more_than_a_megabyte() {
    for prompt in [
        "a beautiful sunset over mountains",
        "a futuristic city skyline",
        "a cozy coffee shop interior",
        "a serene lake at dawn",
        "moonlight over a lake",
        "abstract art with bold colors",
        "x",
    ] {
        let file = paint(prompt, 0, Size::SQUARE, OutputFormat::Png).unwrap();
        assert!(
            (1_000_000..3_000_000).contains(&file.len()),
            "{prompt}: {} bytes",
            file.len()
        );
        let (width, height, _) = pixels(&file);
        assert_eq!((width, height), (1024, 1024));
    }
}

#[test]
fn a_prompt_decides_every_byte_and_nothing_else_does() {
    let size = Size::new(160, 160).unwrap();
    let paint = |prompt: &str, variant| paint(prompt, variant, size, OutputFormat::Png).unwrap();
    let first = paint("a beautiful sunset over mountains", 0);
    assert_eq!(first, paint("a beautiful sunset over mountains", 0));
    assert_eq!(
        first,
        paint("  A beautiful  sunset over mountains ", 0),
        "letter case and spaces do not matter"
    );
    assert_ne!(first, paint("a beautiful sunset over mountains", 1));
    assert_ne!(first, paint("a wonderful sunset over mountains", 0));
}

#[test]
fn a_sunset_has_a_dark_ground_under_an_orange_horizon() {
    let file = paint("sunset over mountains", 0, Size::SQUARE, OutputFormat::Png).unwrap();
    let (_, _, pixels) = pixels(&file);
    let zenith = average(&pixels, Size::SQUARE, 0..60);
    let horizon = average(&pixels, Size::SQUARE, 480..540);
    let ground = average(&pixels, Size::SQUARE, 980..1024);
    assert!(zenith[2] > zenith[0], "blue above: {zenith:?}");
    assert!(
        horizon[0] > 180 && horizon[0] > 2 * horizon[2] - 40,
        "orange at the horizon: {horizon:?}"
    );
    assert!(
        ground.iter().all(|part| *part < 60),
        "dark in front: {ground:?}"
    );
}

#[test]
fn words_choose_the_scene() {
    let same = |a: &str, b: &str| assert_eq!(describe(a), describe(b), "{a} / {b}");
    same("Create a futuristic city skyline", "skyscrapers");
    same("Design a cozy coffee shop interior", "Espresso!");
    same("Abstract art: the sea", "a robot reading a book");
    assert_ne!(
        describe("sunset over mountains"),
        describe("sunset over a lake")
    );
    assert_ne!(
        describe("mountains at dawn"),
        describe("mountains at night")
    );
}

#[test]
fn other_sizes_and_formats_are_painted_too() {
    for (width, height) in [(1536, 1024), (1024, 1536), (16, 16), (2048, 16)] {
        let size = Size::new(width, height).unwrap();
        for prompt in ["sunset by the sea", "city", "coffee", "abstract"] {
            let file = paint(prompt, 0, size, OutputFormat::Png).unwrap();
            let (found_width, found_height, _) = pixels(&file);
            assert_eq!((found_width, found_height), (width, height), "{prompt}");
        }
    }
    let size = Size::new(96, 64).unwrap();
    let jpeg = paint("coffee", 0, size, OutputFormat::Jpeg).unwrap();
    assert_eq!(jpeg.get(..3), Some(&[0xff, 0xd8, 0xff][..]));
    let webp = paint("coffee", 0, size, OutputFormat::Webp).unwrap();
    assert_eq!(
        (webp.get(..4), webp.get(8..12)),
        (Some(&b"RIFF"[..]), Some(&b"WEBP"[..]))
    );
}

#[test]
fn sizes_out_of_range_are_none() {
    assert_eq!(Size::parse("auto"), Some(Size::SQUARE));
    assert_eq!(
        Size::parse("1536x1024")
            .map(|size| size.to_string())
            .as_deref(),
        Some("1536x1024")
    );
    for text in [
        "",
        "x",
        "1024",
        "1024x",
        "15x1024",
        "1024x2049",
        "99999999999x5",
        "-16x16",
        "1024 x 1024",
    ] {
        assert_eq!(Size::parse(text), None, "{text}");
    }
}
