//! Images made for tests.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// A smooth image with some noise.
pub(crate) fn photo(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 27;
        let at = |value: u32, size: u32| (value * 200 / size.max(1) + noise) as u8;
        Rgb([at(x, width), at(y, height), at(x + y, width + height)])
    })
    .into()
}

/// An image with a transparent half.
pub(crate) fn half_transparent(width: u32, height: u32) -> DynamicImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let alpha = if x < width / 2 { 0 } else { 255 };
        Rgba([x as u8, y as u8, (x ^ y) as u8, alpha])
    })
    .into()
}

/// Four quarters: red, green; blue, white.
pub(crate) fn quarters(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        })
    })
    .into()
}

pub(crate) fn encoded(image: &DynamicImage, format: ImageFormat) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner().into()
}

pub(crate) fn animated_gif(width: u32, height: u32, frames: u32) -> Bytes {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder
        .set_repeat(image::codecs::gif::Repeat::Infinite)
        .unwrap();
    for frame in 0..frames {
        let pixels = RgbaImage::from_pixel(width, height, Rgba([(frame * 60) as u8, 0, 0, 255]));
        encoder.encode_frame(Frame::new(pixels)).unwrap();
    }
    drop(encoder);
    bytes.into()
}

/// EXIF data with an orientation and a text that must not leak.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend_from_slice(&2_u16.to_le_bytes());
    for (tag, kind, count, value) in [
        (274_u16, 3_u16, 1_u32, u32::from(orientation)),
        (270, 2, 9, 38),
    ] {
        tiff.extend_from_slice(&tag.to_le_bytes());
        tiff.extend_from_slice(&kind.to_le_bytes());
        tiff.extend_from_slice(&count.to_le_bytes());
        tiff.extend_from_slice(&value.to_le_bytes());
    }
    tiff.extend_from_slice(&[0; 4]);
    tiff.extend_from_slice(b"home, 7b\0");
    tiff
}

/// Adds EXIF data and a comment to a JPEG.
pub(crate) fn jpeg_with_exif(jpeg: &[u8], orientation: u16) -> Bytes {
    let mut content = b"Exif\0\0".to_vec();
    content.extend(exif(orientation));
    let segment = |marker: u8, content: &[u8]| {
        let mut segment = vec![0xff, marker];
        segment.extend_from_slice(&(content.len() as u16 + 2).to_be_bytes());
        segment.extend_from_slice(content);
        segment
    };
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend(segment(0xe1, &content));
    bytes.extend(segment(0xfe, b"home, 7b"));
    bytes.extend_from_slice(&jpeg[2..]);
    bytes.into()
}

/// A PNG chunk, with its checksum.
pub(crate) fn png_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in name.iter().chain(content) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut chunk = (content.len() as u32).to_be_bytes().to_vec();
    chunk.extend_from_slice(name);
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(&(!crc).to_be_bytes());
    chunk
}

/// Adds chunks to a PNG, after its header.
pub(crate) fn png_with(png: &[u8], chunks: &[Vec<u8>]) -> Bytes {
    let mut bytes = png[..33].to_vec();
    bytes.extend(chunks.concat());
    bytes.extend_from_slice(&png[33..]);
    bytes.into()
}

/// An animated PNG of two frames that are alike.
pub(crate) fn animated_png(image: &DynamicImage) -> Bytes {
    let png = encoded(image, ImageFormat::Png);
    let control = |sequence: u32| {
        let numbers = [sequence, image.width(), image.height(), 0, 0];
        let mut content: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        content.extend_from_slice(&[0, 1, 0, 10, 0, 0]);
        png_chunk(b"fcTL", &content)
    };
    let animation = png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let pixels: Vec<u8> = [&[0, 0, 0, 2], data_of(&png).as_slice()].concat();
    let end = png.len() - 12;
    let second = [control(1), png_chunk(b"fdAT", &pixels)].concat();
    let bytes = [&png[..end], &second, &png[end..]].concat();
    png_with(&bytes, &[animation, control(0)])
}

/// The content of the chunks with the pixels of a PNG.
fn data_of(png: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut at = 8;
    while let Some(len) = png.get(at..at + 4) {
        let len = u32::from_be_bytes(len.try_into().unwrap()) as usize;
        if &png[at + 4..at + 8] == b"IDAT" {
            data.extend_from_slice(&png[at + 8..at + 8 + len]);
        }
        at += len + 12;
    }
    data
}

/// A WebP of 120 x 80 pixels that was written with loss.
pub(crate) fn lossy_webp() -> Bytes {
    Bytes::from_static(include_bytes!("lossy.webp"))
}

/// A WebP of 120 x 80 pixels with the extended header, metadata, and the chunks that are given.
pub(crate) fn extended_webp(flags: u8, chunks: &[u8]) -> Bytes {
    let header = [flags | 0x08, 0, 0, 0, 119, 0, 0, 79, 0, 0];
    let content = [
        b"WEBP".to_vec(),
        webp_chunk(b"VP8X", &header),
        chunks.to_vec(),
        webp_chunk(b"EXIF", &exif(1)),
    ];
    webp_chunk(b"RIFF", &content.concat()).into()
}

/// An animated WebP of 120 x 80 pixels and two frames that are alike, with metadata.
pub(crate) fn animated_webp() -> Bytes {
    let still = encoded(&photo(120, 80), ImageFormat::WebP);
    // Its place, its size, 100 milliseconds, and no blending.
    let place = [0, 0, 0, 0, 0, 0, 119, 0, 0, 79, 0, 0, 100, 0, 0, 2];
    let frame = webp_chunk(b"ANMF", &[&place, &still[12..]].concat());
    let start = webp_chunk(b"ANIM", &[0; 6]);
    extended_webp(0x02, &[start, frame.clone(), frame].concat())
}

fn webp_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&(content.len() as u32).to_le_bytes());
    chunk.extend_from_slice(content);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// A PNG that consists of a header alone.
pub(crate) fn png_header(width: u32, height: u32) -> Bytes {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(png_chunk(b"IHDR", &header));
    bytes.extend(png_chunk(b"IDAT", &[0; 64]));
    bytes.extend(png_chunk(b"IEND", &[]));
    bytes.into()
}

/// A box of an ISO media file.
pub(crate) fn iso_box(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(content);
    bytes
}

/// A HEIF file whose primary item has dimensions and a turn; the item before it has others.
pub(crate) fn heif(brand: &[u8; 4], width: u32, height: u32, quarter_turns: u8) -> Bytes {
    let size = |width: u32, height: u32| {
        let content = [[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat();
        iso_box(b"ispe", &content)
    };
    let list = [
        size(160, 120),
        size(width, height),
        iso_box(b"irot", &[quarter_turns]),
    ]
    .concat();
    let links = [
        &[0_u8; 4][..],
        &[0, 0, 0, 2],
        &[0, 1, 1, 0x01],
        &[0, 2, 2, 0x82, 0x03],
    ]
    .concat();
    let properties = [iso_box(b"ipco", &list), iso_box(b"ipma", &links)].concat();
    let meta = [
        vec![0; 4],
        iso_box(b"pitm", &[0, 0, 0, 0, 0, 2]),
        iso_box(b"iprp", &properties),
    ]
    .concat();
    let brands = [brand.as_slice(), &[0; 4], b"mif1"].concat();
    [iso_box(b"ftyp", &brands), iso_box(b"meta", &meta)]
        .concat()
        .into()
}
