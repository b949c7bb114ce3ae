//! `hopline assert`: assertions on the traces of a file.
//! `main` calls it; `assertion` has the language. A pipeline of continuous integration reads the exit status.

use hopline_analysis::{TreeOptions, traces};
use hopline_core::text::shown;

use crate::args::AssertOptions;
use crate::assertion::Outcome;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Characters of a reason.
///
/// A reason quotes attribute values of the file, which may be long.
const REASON: usize = 500;

/// False if an assertion does not hold.
/// Prints `ok` or `fail` for each assertion, and after a failure the reason and the tree of the trace.
///
/// An assertion that matches no span fails: else a misspelt name would pass for ever. All assertions are checked, so that one
/// run shows each failure.
///
/// # Errors
///
/// Returns an error if the file cannot be read or standard output cannot be written.
pub(crate) fn run(options: &AssertOptions) -> Result<bool> {
    let spans = input::decoded(&options.file)?.spans;
    let traces = traces(&spans);
    let mut all_hold = true;
    for assertion in &options.assertions {
        match assertion.check(&traces) {
            Outcome::Holds(count) => {
                draw::line(Mark::Good, &format!("ok    {assertion} ({count} spans)"))?
            }
            Outcome::NoSubject => {
                all_hold = false;
                draw::line(Mark::Bad, &format!("fail  {assertion}"))?;
                draw::line(
                    Mark::Plain,
                    &format!("      no span matches, in {} traces", traces.len()),
                )?;
            }
            Outcome::Fails(at, reason) => {
                all_hold = false;
                draw::line(Mark::Bad, &format!("fail  {assertion}"))?;
                draw::line(Mark::Plain, &format!("      {}", shown(reason, REASON)))?;
                for line in traces[at].tree(&TreeOptions::default()).lines() {
                    draw::line(Mark::Plain, &format!("      {line}"))?;
                }
            }
        }
    }
    Ok(all_hold)
}
