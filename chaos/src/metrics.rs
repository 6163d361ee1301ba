//! What the host says of itself at `GET /metrics`.

/// The sum over all series of a gauge; none if there is no such series.
pub fn sum(text: &str, name: &str) -> Option<f64> {
    let series = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    let values = series.filter_map(|series| series.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn series_are_added_up() {
        let text = "# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 3.5\na_total{x=\"1\"} 9\n# EOF\n";
        assert_eq!((sum(text, "a"), sum(text, "b")), (Some(5.5), None));
    }
}
