//! The bound on instruments; a process of its own, since their numbers are the process's.

use hopline_core::metrics::{Instrument, Meter};
use hopline_metrics::Metrics;

#[test]
fn instruments_beyond_the_bound_are_dropped_and_counted() {
    let metrics = Metrics::builder().build();
    let names: Vec<&'static str> = (0..600)
        .map(|at| &*format!("made.up.{at}").leak())
        .collect();
    for name in names {
        metrics.record(&Instrument::counter(name, ""), 1.0, &[], None);
    }
    let lines = metrics
        .render()
        .lines()
        .filter(|line| line.starts_with("made_up_"))
        .count();
    assert!(metrics.dropped() >= 600 - 256, "{}", metrics.dropped());
    assert_eq!(lines as u64 + metrics.dropped(), 600);
}
