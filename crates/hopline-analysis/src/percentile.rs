//! Percentiles, and durations as text.
//!
//! Latency tables, the service map and `why` use the first; everything that prints times uses the second.

/// The percentile by nearest rank: the smallest value that at least this share of the values does not exceed. 0 without
/// values. Sorts them.
///
/// Nearest rank and not interpolation: the result is always a duration that occurred, so a reader can look its trace up.
/// With few values high percentiles equal the maximum.
pub(crate) fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let rank = (share * values.len() as f64).ceil() as usize;
    values
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// A duration in nanoseconds as text, with at least two digits: `0.9 µs`, `84 ms`, `12 s`.
///
/// Two digits are enough to compare, and keep columns narrow. Below 10 units of a size there is one decimal place.
pub(crate) fn duration(nanos: u64) -> String {
    match nanos {
        0..10_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        10_000..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..10_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        10_000_000..10_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{} s", nanos / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(percentile(&mut [], 0.5), 0);
        assert_eq!(percentile(&mut [3, 1, 2], 0.5), 2);
        assert_eq!(percentile(&mut [1, 2, 3, 4], 0.95), 4);
    }

    #[test]
    fn durations_have_two_figures_or_more() {
        let read: Vec<String> = [900, 45_000, 1_234_567, 84_000_000, 12_000_000_000]
            .map(duration)
            .into();
        assert_eq!(read, ["0.9 µs", "45 µs", "1.2 ms", "84 ms", "12 s"]);
    }
}
