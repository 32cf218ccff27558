//! Medians, spread and ratios.

/// Measurements of one thing, in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value below which this part (0 to 1) of the measurements lies.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return f64::NAN;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let at = (part * last as f64).round() as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Where the middle eight tenths lie.
    pub fn spread(&self) -> (f64, f64) {
        (self.quantile(0.1), self.quantile(0.9))
    }

    /// Each measurement by the one of the other that was taken in the same round.
    #[must_use]
    pub fn by(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// Each measurement less the one of the other that was taken in the same round.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        let samples: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert!((samples.median() - 2.0).abs() < f64::EPSILON);
        let half: Samples = [6.0, 2.0, 4.0].into_iter().collect();
        assert!((samples.by(&half).quantile(1.0) - 0.5).abs() < f64::EPSILON);
        assert!((half.less(&samples).median() - 2.0).abs() < f64::EPSILON);
        assert!(Samples::default().median().is_nan());
    }
}
