//! A bar chart as a PNG file.

/// The most bars of a chart.
const MOST: usize = 40;
const WIDTH: usize = 480;
const HEIGHT: usize = 300;
const PAPER: [u8; 3] = [250, 248, 242];
const BAR: [u8; 3] = [36, 96, 168];

/// Draws a bar for each value; `None` where there are none or more than 40, or where one is negative or infinite.
#[must_use]
pub fn bars(values: &[f64]) -> Option<Vec<u8>> {
    let fine = |value: &f64| value.is_finite() && *value >= 0.0;
    if values.is_empty() || values.len() > MOST || !values.iter().all(fine) {
        return None;
    }
    let highest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let room = WIDTH / values.len();
    let mut pixels = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            let value = values.get(column / room).copied().unwrap_or_default();
            // A gap between bars, and some paper above the highest.
            let in_bar = column % room < room.div_ceil(4) * 3;
            let height = value / highest * 0.9 * HEIGHT as f64;
            let filled = in_bar && (HEIGHT - row) as f64 <= height;
            pixels.extend(if filled { BAR } else { PAPER });
        }
    }
    png(&pixels).ok()
}

fn png(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::photos::Photo;

    #[test]
    fn charts_are_images_and_differ_by_their_values() {
        let chart = bars(&[3.0, 9.0, 0.0]).unwrap();
        let seen = Photo::look(&chart, "image/png").unwrap().describe();
        assert!(seen.contains("480x300 pixels"), "{seen}");
        assert_ne!(chart, bars(&[3.0, 9.0, 1.0]).unwrap());
        assert!(bars(&[0.0; 40]).is_some());
        for wrong in [&[][..], &[0.0; 41], &[-1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(bars(wrong), None, "{wrong:?}");
        }
    }
}
