//! Memory of open traces.

use hopline_gate::resident;
use hopline_gate::trace::{Fate, Values, unfinished};

use crate::Result;
use crate::fast;
use crate::names::{FAST_LOCAL, HOPLINE};
use crate::ours::clocks;

const TRACES: usize = 10_000;
const SPANS: usize = 6;

/// The crate that is measured.
pub(crate) const WHO: [&str; 2] = [HOPLINE, FAST_LOCAL];

/// Resident bytes that each span of 10,000 open traces of a root and five children holds.
///
/// # Errors
///
/// Returns an error if the kernel does not report it, or if the name is unknown.
pub fn resident_per_span(who: &str) -> Result<f64> {
    match who {
        HOPLINE => {
            let (_, clock) = clocks().swap_remove(0);
            let (tracer, values) = (Fate::Kept.tracer(&clock), Values::unknown());
            grown_by(|| unfinished(&tracer, &values), || {})
        }
        FAST_LOCAL => {
            fast::start();
            let values = Values::unknown();
            let unfinished = || {
                let root = fast::root(true);
                let current = root.set_local_parent();
                (0..SPANS - 1).for_each(|_| fast::local_child(&values));
                drop(current);
                root
            };
            grown_by(unfinished, fastrace::flush)
        }
        _ => Err(format!("no crate is called `{who}`").into()),
    }
}

fn grown_by<T>(mut open: impl FnMut() -> T, settle: impl Fn()) -> Result<f64> {
    // what a process holds once: pools, threads, queues
    drop(open());
    settle();
    // room for the handles themselves, touched, so that it is no part of the growth
    let mut traces: Vec<Option<T>> = (0..TRACES).map(|_| None).collect();
    let before = resident::bytes()?;
    for (index, trace) in traces.iter_mut().enumerate() {
        *trace = Some(open());
        if index % 500 == 0 {
            settle();
        }
    }
    settle();
    let grown = resident::bytes()?.saturating_sub(before);
    drop(traces);
    Ok(grown as f64 / (TRACES * SPANS) as f64)
}
