//! HEIF: HEIC and AVIF. The dimensions are those of the primary item.

use super::info::{Frames, ImageInfo};
use super::reader::{Reader, malformed};
use crate::error::ImageError;
use crate::format::ImageFormat;
use crate::orientation::Orientation;

/// A box: its type and its content.
type IsoBox<'a> = (&'a [u8], &'a [u8]);

/// Reads the next box. Its content is cut where the bytes end.
fn next_box<'a>(reader: &mut Reader<'a>) -> Result<IsoBox<'a>, ImageError> {
    let start = reader.position();
    let len = reader.u32_be()?;
    let name = reader.take(4)?;
    let len = match len {
        1 => reader.u64_be()?,
        len => u64::from(len),
    };
    let header = (reader.position() - start) as u64;
    let len = len
        .checked_sub(header)
        .and_then(|len| usize::try_from(len).ok())
        .ok_or_else(|| malformed("a box has an impossible size"))?;
    Ok((name, reader.take(len)?))
}

/// Returns the content of the first box of a type.
fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Result<&'a [u8], ImageError> {
    let mut reader = Reader::new(bytes);
    loop {
        let (name, content) = next_box(&mut reader)?;
        if name == wanted {
            return Ok(content);
        }
    }
}

pub(super) fn probe(bytes: &[u8], format: ImageFormat) -> Result<ImageInfo, ImageError> {
    let mut meta = Reader::new(find(bytes, b"meta")?);
    meta.skip(4)?;
    let meta = meta.take_rest();
    let primary = primary_item(find(meta, b"pitm")?)?;
    let properties = find(meta, b"iprp")?;
    let wanted = associations(find(properties, b"ipma")?, primary)?;
    let (mut size, mut turns, mut mirror) = (None, 0, None);
    let mut list = Reader::new(find(properties, b"ipco")?);
    let mut index = 0_u16;
    while let Ok((name, content)) = next_box(&mut list) {
        index = index.saturating_add(1);
        if !wanted.contains(&index) {
            continue;
        }
        let mut content = Reader::new(content);
        match name {
            b"ispe" => {
                content.skip(4)?;
                size = Some((content.u32_be()?, content.u32_be()?));
            }
            b"irot" => turns = content.u8()? & 3,
            b"imir" => mirror = Some(content.u8()? & 1),
            _ => {}
        }
    }
    let (width, height) = size.ok_or_else(|| malformed("the primary item has no dimensions"))?;
    let mut info = ImageInfo::new(format, width, height);
    info.orientation = orientation(turns, mirror);
    let brand = bytes.get(8..12).unwrap_or_default();
    if matches!(brand, b"avis" | b"hevc" | b"msf1") {
        info.frames = Frames::Several(None);
    }
    Ok(info)
}

fn primary_item(content: &[u8]) -> Result<u32, ImageError> {
    let mut reader = Reader::new(content);
    let version = reader.u8()?;
    reader.skip(3)?;
    match version {
        0 => reader.u16_be().map(u32::from),
        _ => reader.u32_be(),
    }
}

/// Returns the numbers of the properties of an item, from 1.
fn associations(content: &[u8], item: u32) -> Result<Vec<u16>, ImageError> {
    let mut reader = Reader::new(content);
    let version = reader.u8()?;
    reader.skip(2)?;
    let has_long_numbers = reader.u8()? & 1 != 0;
    for _ in 0..reader.u32_be()? {
        let id = match version {
            0 => u32::from(reader.u16_be()?),
            _ => reader.u32_be()?,
        };
        let count = reader.u8()?;
        let mut numbers = Vec::with_capacity(count.into());
        for _ in 0..count {
            numbers.push(match has_long_numbers {
                true => reader.u16_be()? & 0x7fff,
                false => u16::from(reader.u8()? & 0x7f),
            });
        }
        if id == item {
            return Ok(numbers);
        }
    }
    Err(malformed("the primary item has no properties"))
}

/// The turn is against the clock, by quarters, and comes before the flip. A flip with axis 0 exchanges top
/// and bottom.
fn orientation(turns: u8, mirror: Option<u8>) -> Orientation {
    match (turns, mirror) {
        (0, None) => Orientation::Normal,
        (1, None) => Orientation::Rotate270,
        (2, None) => Orientation::Rotate180,
        (_, None) => Orientation::Rotate90,
        (0, Some(0)) | (2, Some(1)) => Orientation::FlipVertical,
        (0, Some(_)) | (2, Some(_)) => Orientation::FlipHorizontal,
        (1, Some(0)) | (3, Some(1)) => Orientation::Transpose,
        (_, Some(_)) => Orientation::Transverse,
    }
}
