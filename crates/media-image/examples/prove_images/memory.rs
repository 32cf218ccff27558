//! The memory of a bomb.

use std::error::Error;

use media_image::{ImageErrorKind, ImageLimits, Profile, fit};

/// Most memory that refusing it may take, in KiB.
const MOST: u64 = 16 * 1024;

/// Tries to fit an image whose header says 60,000 x 60,000 pixels.
pub(crate) fn bomb() -> Result<(), Box<dyn Error>> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend_from_slice(&60_000_u32.to_be_bytes());
    png.extend_from_slice(&60_000_u32.to_be_bytes());
    png.extend_from_slice(&[8, 6, 0, 0, 0, 0, 0, 0, 0]);
    let before = peak()?;
    let result = fit(
        &png.into(),
        &Profile::thumbnail(64),
        &ImageLimits::default(),
    );
    let grown = peak()?.saturating_sub(before);
    match result {
        Err(error) if error.kind() == ImageErrorKind::TooLarge && grown < MOST => {
            println!("60,000 x 60,000 pixels: refused, {grown} KiB");
            Ok(())
        }
        result => Err(format!("{grown} KiB, {:?}", result.map(|image| image.width)).into()),
    }
}

/// Returns the most memory that this process had, in KiB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM")?.parse()?)
}
