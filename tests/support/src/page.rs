//! Values of a Prometheus page. Tests of metrics compare them with counts of their own.

/// The sum of a metric over all series that have each of the labels, such as `error_type="io"`. Exemplars are ignored.
///
/// # Panics
///
/// If the value of a matching line is no number.
#[track_caller]
pub fn total(page: &str, name: &str, labels: &[&str]) -> f64 {
    let of_name = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    let lines = page.lines().filter(of_name);
    let labelled = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
    let value = |line: &str| {
        let sample = line.split(" # ").next().unwrap_or(line);
        let value = sample.rsplit(' ').next().unwrap_or(sample);
        value
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("no value: {line}"))
    };
    // not `sum`, which begins at -0
    labelled.map(value).fold(0.0, |sum, value| sum + value)
}
