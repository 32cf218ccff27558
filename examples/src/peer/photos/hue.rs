//! Colors by name.

/// The commonest color and its average, as in `orange (#e07b3a)`; the input has three bytes a pixel.
pub(super) fn dominant(rgb: &[u8]) -> String {
    let mut sums = [(0_u64, [0_u64; 3]); NAMES.len()];
    for pixel in rgb.chunks_exact(3) {
        if let [red, green, blue] = *pixel
            && let Some((count, sum)) = sums.get_mut(class(red, green, blue))
        {
            *count += 1;
            for (sum, part) in sum.iter_mut().zip([red, green, blue]) {
                *sum += u64::from(part);
            }
        }
    }
    let best = sums.iter().zip(NAMES).max_by_key(|((count, _), _)| *count);
    match best {
        Some(((count, sum), name)) if *count > 0 => {
            let [red, green, blue] = sum.map(|sum| sum / count);
            format!("{name} (#{red:02x}{green:02x}{blue:02x})")
        }
        _ => "nothing".to_owned(),
    }
}

const NAMES: [&str; 14] = [
    "black", "grey", "white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink",
    "brown", "beige", "navy",
];

/// Index into [`NAMES`].
fn class(red: u8, green: u8, blue: u8) -> usize {
    let (red, green, blue) = (
        f32::from(red) / 255.0,
        f32::from(green) / 255.0,
        f32::from(blue) / 255.0,
    );
    let (high, low) = (red.max(green).max(blue), red.min(green).min(blue));
    let (light, chroma) = ((high + low) / 2.0, high - low);
    if light < 0.09 {
        return 0;
    }
    if chroma < 0.11 {
        return if light > 0.86 { 2 } else { 1 };
    }
    let sixth = if high == red {
        ((green - blue) / chroma).rem_euclid(6.0)
    } else if high == green {
        (blue - red) / chroma + 2.0
    } else {
        (red - green) / chroma + 4.0
    };
    let warm = !(0.75..5.5).contains(&sixth) || sixth < 0.9;
    match sixth * 60.0 {
        hue if (18.0..60.0).contains(&hue) && light > 0.72 && chroma < 0.45 => 12,
        hue if (12.0..50.0).contains(&hue) && high < 0.62 => 11,
        hue if (215.0..262.0).contains(&hue) && high < 0.42 => 13,
        _ if warm && light > 0.74 => 10,
        hue if hue < 16.0 => 3,
        hue if hue < 44.0 => 4,
        hue if hue < 68.0 => 5,
        hue if hue < 165.0 => 6,
        hue if hue < 196.0 => 7,
        hue if hue < 258.0 => 8,
        hue if hue < 300.0 => 9,
        hue if hue < 342.0 => 10,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::dominant;

    #[test]
    fn plain_colors_get_their_names() {
        for (pixel, name) in [
            ([0, 0, 0], "black"),
            ([250, 250, 250], "white"),
            ([128, 128, 128], "grey"),
            ([220, 20, 30], "red"),
            ([245, 140, 40], "orange"),
            ([250, 230, 50], "yellow"),
            ([30, 160, 60], "green"),
            ([40, 90, 220], "blue"),
            ([15, 20, 70], "navy"),
            ([130, 50, 200], "purple"),
            ([250, 130, 180], "pink"),
            ([110, 70, 40], "brown"),
        ] {
            let found = dominant(&pixel.repeat(9));
            assert!(found.starts_with(name), "{pixel:?} is {name}, not {found}");
        }
    }

    #[test]
    fn the_commonest_color_wins() {
        let mut pixels = [30, 160, 60].repeat(3);
        pixels.extend([220, 20, 30].repeat(5));
        assert_eq!(dominant(&pixels), "red (#dc141e)");
        assert_eq!(dominant(&[]), "nothing");
    }
}
