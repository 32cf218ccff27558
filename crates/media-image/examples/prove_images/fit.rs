//! Thumbnails of images and of damaged copies.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_image::{FitOutcome, FittedImage, ImageLimits, Profile, fit, probe};

const EDGE: u32 = 320;

/// Makes a thumbnail of each file, checks it, and writes it to a directory as `NUMBER.kept.EXTENSION` or
/// `NUMBER.rendered.EXTENSION`.
pub(crate) fn thumbnails(files: &[PathBuf], target: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(target)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut spent, mut made, mut read, mut written) = (Duration::ZERO, 0, 0, 0);
    let profile = Profile::thumbnail(EDGE);
    for (index, path) in files.iter().enumerate() {
        let bytes = Bytes::from(std::fs::read(path)?);
        let started = Instant::now();
        let result = fit(&bytes, &profile, &ImageLimits::default());
        spent += started.elapsed();
        read += bytes.len();
        match result {
            Ok(image) => {
                check(&bytes, &image).map_err(|what| format!("{}: {what}", path.display()))?;
                let became = match image.outcome {
                    FitOutcome::Rendered => "rendered",
                    _ => "kept",
                };
                let extension = image.format.mime().extension();
                let name = format!("{index}.{became}.{extension}");
                std::fs::write(target.join(name), &image.bytes)?;
                made += 1;
                written += image.bytes.len();
                *counts.entry(format!("{:?}", image.outcome)).or_default() += 1;
            }
            Err(error) => *counts.entry(format!("{:?}", error.kind())).or_default() += 1,
        }
    }
    println!(
        "{made} thumbnails of {} files, {read} bytes to {written}, {:.2} s: {counts:?}",
        files.len(),
        spent.as_secs_f64()
    );
    Ok(())
}

fn check(original: &[u8], image: &FittedImage) -> Result<(), String> {
    let before = probe(original).map_err(|error| error.to_string())?;
    let after = probe(&image.bytes).map_err(|error| error.to_string())?;
    let longest = after.longest_edge();
    if image.bytes.len() > original.len() {
        return Err(format!("{} bytes of {}", image.bytes.len(), original.len()));
    }
    if longest > EDGE || longest > before.longest_edge() {
        return Err(format!("{longest} pixels of {}", before.longest_edge()));
    }
    if (after.width, after.height) != (image.width, image.height) {
        return Err("other dimensions than it says".to_owned());
    }
    Ok(())
}

/// Cuts and changes each file in several ways; a panic ends the program.
pub(crate) fn damaged(files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let (profile, mut tried, mut made) = (Profile::thumbnail(64), 0, 0);
    for path in files {
        let whole = std::fs::read(path)?;
        for seed in 0..8_usize {
            let mut bytes = whole.clone();
            if seed % 2 == 0 {
                bytes.truncate(whole.len() * (seed + 1) / 9);
            }
            let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(whole.len());
            for _ in 0..seed * 3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Headers are hit more often than by chance.
                let span = if state % 3 == 0 {
                    bytes.len()
                } else {
                    bytes.len().min(256)
                };
                if let Some(byte) = bytes.get_mut((state >> 24) % span.max(1)) {
                    *byte = (state >> 16) as u8;
                }
            }
            tried += 1;
            made += usize::from(fit(&bytes.into(), &profile, &ImageLimits::default()).is_ok());
        }
    }
    println!("{tried} damaged images, {made} still gave a thumbnail, no panic");
    Ok(())
}
