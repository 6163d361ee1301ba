//! What samples come to.

/// The one in the middle, or the mean of the two.
///
/// # Panics
/// There are none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The distance between the smallest and the largest, as a share of the median.
pub fn spread(samples: &[f64]) -> f64 {
    let (low, high) = bounds(samples);
    (high - low) / median(samples)
}

/// How far the values are from a line, at the most: 0.1 if they are within ±10 % of it.
pub fn unevenness(values: &[f64]) -> f64 {
    let (low, high) = bounds(values);
    (high - low) / (high + low)
}

/// What one more `x` adds to `y`, by least squares.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let together: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    together / points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }

    #[test]
    fn a_spread_is_a_share_of_the_median() {
        assert!((spread(&[9.0, 10.0, 11.0]) - 0.2).abs() < 1e-9);
    }

    #[test]
    fn within_ten_percent_is_an_unevenness_of_a_tenth() {
        assert!((unevenness(&[90.0, 100.0, 110.0]) - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_slope_is_what_one_more_adds() {
        assert!((slope(&[(1.0, 12.0), (2.0, 14.0), (4.0, 18.0)]) - 2.0).abs() < 1e-9);
    }
}
